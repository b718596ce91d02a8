#include "runtime/go/spans.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace whoholds {
namespace {

constexpr uint64_t kMaxSpans = 16'000'000;
constexpr uint8_t kInUseState = 1;  // mSpanInUse
constexpr uint64_t kStartOffset = 24;
constexpr uint64_t kPagesOffset = 32;
constexpr uint64_t kFreeIndexOffset = 48;
using Piece = ProcessMemory::Piece;

template <class T>
T at(const uint8_t* bytes, size_t offset) {
    T value{};
    std::memcpy(&value, bytes + offset, sizeof value);
    return value;
}

bool is_consistent(const GoSpan& span, uint64_t free_index, uint64_t element_count) {
    constexpr uint64_t kMaxPages = uint64_t{1} << 34;
    if (span.start == 0 || span.start % kGoPageBytes != 0 || span.start >> 47 != 0) return false;
    if (span.page_count == 0 || span.page_count > kMaxPages || span.element_bytes == 0) return false;
    if (element_count == 0 || element_count > kGoPageBytes || free_index > element_count) return false;
    return span.alloc_count <= element_count && element_count <= span.bytes() / span.element_bytes;
}

enum class SpanState : uint8_t { kInUse, kOther, kTorn };

// bytes: layout.size of them.
SpanState parse_span(const uint8_t* bytes, const SpanLayout& layout, GoSpan& span) {
    if (bytes[layout.state] != kInUseState) return SpanState::kOther;
    span.start = at<uint64_t>(bytes, kStartOffset);
    span.page_count = at<uint64_t>(bytes, kPagesOffset);
    span.element_bytes = at<uint64_t>(bytes, layout.element_size);
    span.alloc_bits = at<uint64_t>(bytes, layout.alloc_bits);
    span.mark_bits = at<uint64_t>(bytes, layout.alloc_bits + sizeof(uint64_t));  // gcmarkBits, Go 1.16 to 1.27
    span.specials = at<uint64_t>(bytes, layout.specials);
    span.sweep_generation = at<uint32_t>(bytes, layout.sweep_generation);
    span.alloc_count = at<uint16_t>(bytes, layout.alloc_count);
    span.span_class = bytes[layout.span_class];
    if (layout.large_type != kNoField && span.is_large()) span.large_type = at<uint64_t>(bytes, layout.large_type);
    const bool is_wide = layout.index_bytes == sizeof(uint64_t);
    const uint64_t free_index = is_wide ? at<uint64_t>(bytes, kFreeIndexOffset) : at<uint16_t>(bytes, kFreeIndexOffset);
    const uint64_t element_count =
        is_wide ? at<uint64_t>(bytes, layout.element_count) : at<uint16_t>(bytes, layout.element_count);
    if (!is_consistent(span, free_index, element_count)) return SpanState::kTorn;
    span.free_index = static_cast<uint16_t>(free_index);
    span.element_count = static_cast<uint16_t>(element_count);
    return SpanState::kInUse;
}

// The list only grows. Its array is replaced when it is full, and the old one may be unmapped under our hands.
Result<std::vector<uint64_t>> read_addresses(const GoProcess& process) {
    const uint64_t slice_at = process.variables().heap + process.layout().heap_all_spans;
    constexpr int kMaxTries = 4;
    constexpr uint64_t kPartWords = uint64_t{1} << 22;
    for (int attempt = 0;; ++attempt) {
        WH_TRY(const auto slice, (process.memory().read_object<std::array<uint64_t, 3>>(slice_at)));
        if (slice[1] > kMaxSpans) return Error{ErrorCode::kLimit, "more than sixteen million spans of Go's heap"};
        std::vector<uint64_t> addresses(slice[1]);
        Result<void> read;
        for (uint64_t done = 0; read && done < slice[1]; done += kPartWords) {
            const uint64_t words = std::min(kPartWords, slice[1] - done);
            read = process.memory().read_into(slice[0] + done * 8,
                                              {reinterpret_cast<uint8_t*>(addresses.data() + done), words * 8});
        }
        WH_TRY(const uint64_t array, process.memory().read_object<uint64_t>(slice_at));
        if (read && array == slice[0]) return addresses;
        if (attempt + 1 == kMaxTries)
            return read ? Error{ErrorCode::kLimit, "Go's list of spans grows faster than it can be read"}
                        : read.error();
    }
}

// Calls take(number, bytes or nullptr) for each.
template <class Take>
Result<void> for_each_record(const GoProcess& process, std::span<const uint64_t> addresses, Take take) {
    constexpr size_t kBatch = 8192;
    const SpanLayout& layout = process.layout().span;
    std::vector<uint8_t> bytes(std::min(kBatch, addresses.size()) * layout.size);
    std::vector<Piece> pieces;
    for (size_t first = 0; first < addresses.size(); first += kBatch) {
        const size_t count = std::min(kBatch, addresses.size() - first);
        pieces.clear();
        for (size_t i = 0; i < count; ++i)
            pieces.push_back({addresses[first + i], std::span(bytes).subspan(i * layout.size, layout.size)});
        WH_TRY_VOID(process.memory().read_pieces(pieces));
        for (size_t i = 0; i < count; ++i) take(first + i, pieces[i].is_read ? pieces[i].buffer.data() : nullptr);
    }
    return {};
}

}  // namespace

Result<uint32_t> read_go_sweep_generation(const GoProcess& process) {
    return process.memory().read_object<uint32_t>(process.variables().heap + process.layout().heap_sweep_generation);
}

Result<GoSpans> read_go_spans(const GoProcess& process) {
    GoSpans spans;
    WH_TRY(spans.sweep_generation, read_go_sweep_generation(process));
    WH_TRY(const std::vector<uint64_t> addresses, read_addresses(process));
    spans.record_count = addresses.size();
    spans.in_use.reserve(addresses.size());
    WH_TRY_VOID(for_each_record(process, addresses, [&](size_t number, const uint8_t* bytes) {
        GoSpan span{.address = addresses[number]};
        const SpanState state = bytes ? parse_span(bytes, process.layout().span, span) : SpanState::kTorn;
        if (state == SpanState::kInUse) spans.in_use.push_back(span);
        if (state == SpanState::kTorn) ++spans.torn;
    }));
    WH_TRY(spans.sweep_generation_after, read_go_sweep_generation(process));
    std::ranges::sort(spans.in_use, {}, &GoSpan::start);
    // Pages that changed hands while the list was read can show twice.
    const auto overlaps = [](const GoSpan& first, const GoSpan& second) {
        return first.start + first.bytes() > second.start;
    };
    const auto rest = std::unique(spans.in_use.begin(), spans.in_use.end(), overlaps);
    spans.torn += static_cast<uint64_t>(spans.in_use.end() - rest);
    spans.in_use.erase(rest, spans.in_use.end());
    return spans;
}

Result<std::vector<GoSpan>> read_go_spans_at(const GoProcess& process, std::span<const uint64_t> addresses) {
    std::vector<GoSpan> spans(addresses.size());
    WH_TRY_VOID(for_each_record(process, addresses, [&](size_t number, const uint8_t* bytes) {
        GoSpan span{.address = addresses[number]};
        if (!bytes || parse_span(bytes, process.layout().span, span) != SpanState::kInUse)
            span = GoSpan{.address = addresses[number]};
        spans[number] = span;
    }));
    return spans;
}

Result<GoAllocBits> GoAllocBits::read(const GoProcess& process, std::span<const GoSpan> spans) {
    GoAllocBits bits;
    bits.starts_.reserve(spans.size() + 1);
    bits.starts_.push_back(0);
    for (const GoSpan& span : spans) bits.starts_.push_back(bits.starts_.back() + (span.element_count + 7U) / 8U);
    bits.bytes_.resize(bits.starts_.back());
    std::vector<Piece> pieces;
    for (size_t i = 0; i < spans.size(); ++i)
        pieces.push_back({spans[i].alloc_bits,
                          std::span(bits.bytes_).subspan(bits.starts_[i], bits.starts_[i + 1] - bits.starts_[i])});
    WH_TRY_VOID(process.memory().read_pieces(pieces));
    for (const Piece& piece : pieces) {
        if (piece.is_read || piece.buffer.empty()) continue;
        std::ranges::fill(piece.buffer, 0);
        ++bits.unread_;
    }
    return bits;
}

}  // namespace whoholds
