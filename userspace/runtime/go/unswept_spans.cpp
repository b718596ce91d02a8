#include "runtime/go/unswept_spans.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace whoholds {
namespace {

using Piece = ProcessMemory::Piece;
constexpr unsigned kFirstWithInlineMarks = 25;  // as an experiment
constexpr unsigned kInlineMarksByDefault = 26;

// gcUsesSpanInlineMarkBits
bool may_have_inline_marks(const GoSpan& span, unsigned minor_version) {
    constexpr uint64_t kLeastBytes = 16;
    constexpr uint64_t kMostBytes = 512;
    return minor_version >= kFirstWithInlineMarks && !span.is_large() && span.element_bytes >= kLeastBytes &&
           span.element_bytes <= kMostBytes;
}

uint32_t count_bits(std::span<const uint8_t> bytes) {
    uint32_t count = 0;
    for (const uint8_t byte : bytes) count += static_cast<uint32_t>(std::popcount(byte));
    return count;
}

struct Waiting {  // for the sweeper
    size_t index = 0;
    bool is_inline = false;
    std::vector<uint8_t> marks;
    std::array<uint8_t, kGoInlineMarkBytes> inline_marks{};
};

std::vector<Waiting> find_waiting(const GoSpans& spans, unsigned minor_version) {
    std::vector<Waiting> waiting;
    for (size_t i = 0; i < spans.in_use.size(); ++i) {
        const GoSpan& span = spans.in_use[i];
        if (!span.waits_for_sweep(spans.sweep_generation)) continue;
        waiting.push_back({.index = i,
                           .is_inline = may_have_inline_marks(span, minor_version),
                           .marks = std::vector<uint8_t>((span.element_count + 7U) / 8U),
                           .inline_marks = {}});
    }
    return waiting;
}

// Which of them were read.
Result<std::vector<bool>> read_marks(const GoProcess& process, const GoSpans& spans, std::vector<Waiting>& waiting) {
    std::vector<Piece> pieces;
    for (Waiting& one : waiting) {
        const GoSpan& span = spans.in_use[one.index];
        pieces.push_back({span.mark_bits, one.marks});
        pieces.push_back({span.start + kGoPageBytes - kGoInlineMarkBytes,
                          std::span<uint8_t>(one.inline_marks).first(one.is_inline ? kGoInlineMarkBytes : 0)});
    }
    WH_TRY_VOID(process.memory().read_pieces(pieces));
    std::vector<bool> are_read;
    for (size_t i = 0; i < waiting.size(); ++i)
        are_read.push_back(pieces[2 * i].is_read && (!waiting[i].is_inline || pieces[2 * i + 1].is_read));
    return are_read;
}

std::optional<uint32_t> count_marks(const GoSpan& span, const Waiting& waiting) {
    if (waiting.is_inline) return count_inline_marks(span, waiting.inline_marks, waiting.marks);
    return count_bits(waiting.marks);
}

}  // namespace

std::optional<uint32_t> count_inline_marks(const GoSpan& span,
                                           std::span<const uint8_t, kGoInlineMarkBytes> inline_marks,
                                           std::span<const uint8_t> marks) {
    constexpr size_t kMarkBytes = 63;  // scanned, a byte for who scans, marks, the span's class
    constexpr size_t kMarksAt = 64;
    const auto scanned = inline_marks.first<kMarkBytes>();
    const auto marked = inline_marks.subspan<kMarksAt, kMarkBytes>();
    if (inline_marks.back() != span.span_class || marks.size() > kMarkBytes) return std::nullopt;
    if (span.has_pointers() && !std::ranges::equal(scanned, marked)) return std::nullopt;
    std::vector<uint8_t> all(marks.begin(), marks.end());
    for (size_t i = 0; i < all.size(); ++i) all[i] |= marked[i];
    return count_bits(all);
}

Result<std::vector<std::optional<uint32_t>>> count_go_marks(const GoProcess& process, GoSpans& spans) {
    std::vector<std::optional<uint32_t>> counts(spans.in_use.size());
    std::vector<Waiting> waiting = find_waiting(spans, process.layout().minor_version);
    WH_TRY(const std::vector<bool> are_read, read_marks(process, spans, waiting));
    std::vector<uint64_t> addresses;
    for (const Waiting& one : waiting) addresses.push_back(spans.in_use[one.index].address);
    WH_TRY(const std::vector<GoSpan> again, read_go_spans_at(process, addresses));
    size_t with_inline_marks = 0;
    size_t refuted = 0;
    for (size_t i = 0; i < waiting.size(); ++i) {
        GoSpan& span = spans.in_use[waiting[i].index];
        if (again[i].start != span.start || again[i].element_bytes != span.element_bytes) continue;
        const bool is_same = again[i].sweep_generation == span.sweep_generation && again[i].mark_bits == span.mark_bits;
        if (is_same && are_read[i]) counts[waiting[i].index] = count_marks(span, waiting[i]);
        with_inline_marks += is_same && waiting[i].is_inline ? 1 : 0;
        refuted += is_same && waiting[i].is_inline && !counts[waiting[i].index] ? 1 : 0;
        if (again[i].is_swept(spans.sweep_generation)) span = again[i];
    }
    // A runtime that was built without them, where some spans happen to look as if they had some.
    constexpr size_t kMost = 10;
    const bool has_none = process.layout().minor_version < kInlineMarksByDefault || refuted * kMost > with_inline_marks;
    for (const Waiting& one : waiting)
        if (has_none && one.is_inline) counts[one.index].reset();
    return counts;
}

}  // namespace whoholds
