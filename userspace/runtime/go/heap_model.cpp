#include "runtime/go/heap_model.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <thread>
#include <utility>

#include "base/no_signals.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxArenas = uint64_t{1} << 22;
constexpr uint64_t kMaxBytesWithoutHeader = 512;
constexpr uint64_t kMaxSmallBytes = 32'768;
constexpr uint8_t kTinySpanClass = 2 << 1 | 1;
constexpr unsigned kFirstMinorWithHeaders = 22;

// runtime/sizeclasses.go, the same in all versions.
constexpr auto kSlotBytes = std::to_array<uint16_t>(
    {8,    16,   24,    32,    48,    64,    80,    96,    112,   128,   144,   160,   176,   192,   208,   224,  240,
     256,  288,  320,   352,   384,   416,   448,   480,   512,   576,   640,   704,   768,   896,   1024,  1152, 1280,
     1408, 1536, 1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,  6528,  6784,  6912, 8192,
     9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768});

// By the number of words, as it is asked for millions of pointers.
constexpr auto kSlotOfWords = [] {
    std::array<uint16_t, kMaxSmallBytes / 8 + 1> slots{};
    for (size_t words = 0, slot = 0; words < slots.size(); ++words) {
        while (kSlotBytes.at(slot) < words * 8) ++slot;
        slots.at(words) = kSlotBytes.at(slot);
    }
    return slots;
}();

Error too_late() { return {ErrorCode::kLimit, "Go's heap: there was not enough time to read it"}; }

GoModelSpan model_of(const GoSpan& span, unsigned minor_version, uint32_t generation) {
    GoModelSpan model;
    model.start = span.start;
    model.page_bytes = span.bytes();
    model.element_bytes = span.element_bytes;
    model.large_type = span.large_type;
    // Exact for every offset within a span of small objects (as the runtime divides, mspan.divMul).
    if (!span.is_large())
        model.reciprocal = static_cast<uint32_t>((UINT32_MAX + span.element_bytes) / span.element_bytes);
    model.element_count = span.element_count;
    model.has_pointers = span.has_pointers();
    model.has_headers = minor_version >= kFirstMinorWithHeaders && span.has_pointers() && !span.is_large() &&
                        span.element_bytes > kMaxBytesWithoutHeader;
    model.is_swept = span.is_swept(generation);
    model.is_tiny = span.span_class == kTinySpanClass;
    return model;
}

// That what was read of it is of one time between two sweeps.
bool is_same_time(const GoSpan& before, const GoSpan& after, uint32_t generation) {
    return before.start == after.start && before.element_bytes == after.element_bytes &&
           before.page_count == after.page_count && before.span_class == after.span_class &&
           before.alloc_bits == after.alloc_bits && before.is_swept(generation) == after.is_swept(generation) &&
           after.free_index >= before.free_index;
}

// The pages of our own that are about to be written: one call instead of a page fault for each. Linux 5.14; without it they come one by
// one. (Huge pages were slower: in a virtual machine the host may have to find them first.)
void populate(std::span<uint8_t> bytes) {
#ifdef MADV_POPULATE_WRITE
    constexpr uintptr_t kPageBytes = 4096;
    const auto start = reinterpret_cast<uintptr_t>(bytes.data()) & ~(kPageBytes - 1);
    const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_POPULATE_WRITE);
#endif
}

// The kernel takes as long to find pages for the copy of a large heap as to fill them, so a thread that runs only where nobody else
// wants to asks for them ahead. It ends when it is through or when the copy is (std::jthread); what it did not do is done when it is needed.
std::jthread populate_ahead(std::span<uint8_t> bytes) {
    constexpr size_t kWorthAThread = size_t{64} << 20;
    if (bytes.size() < kWorthAThread) return {};
    const NoSignals no_signals;
    try {
        return std::jthread([bytes](const std::stop_token& stop) {
            constexpr int kLast = 19;
            constexpr size_t kStepBytes = size_t{1} << 20;  // a copy that is given up does not wait for more
            ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLast);
            for (size_t done = 0; done < bytes.size() && !stop.stop_requested(); done += kStepBytes)
                populate(bytes.subspan(done, std::min(kStepBytes, bytes.size() - done)));
        });
    } catch (const std::system_error&) {  // no more threads here
        return {};
    }
}

}  // namespace

uint64_t go_slot_bytes(uint64_t bytes) {
    if (bytes > kMaxSmallBytes) return (bytes + kGoPageBytes - 1) / kGoPageBytes * kGoPageBytes;
    return kSlotOfWords[(bytes + 7) / 8];
}

Result<GoHeapModel> GoHeapModel::read(const GoProcess& process, uint64_t max_content_bytes, const GoOn& go_on) {
    constexpr int kTries = 3;
    constexpr int kLooks = 60;
    int tries = 0;
    for (int look = 0; look < kLooks && tries < kTries; ++look) {
        if (!go_on()) return too_late();
        WH_TRY(const GoSpans spans, read_go_spans(process));
        // What is not swept yet may be garbage that points to slots of others; soon after a collection all is.
        const bool is_swept = std::ranges::all_of(spans.in_use, [&](const GoSpan& span) {
            return !span.has_pointers() || span.is_swept(spans.sweep_generation);
        });
        if (!is_swept || spans.sweep_generation != spans.sweep_generation_after) continue;
        ++tries;
        GoHeapModel model;
        WH_TRY_VOID(model.read_once(process, spans, max_content_bytes, go_on));
        WH_TRY(const uint32_t after, read_go_sweep_generation(process));
        if (spans.sweep_generation == after && model.changed_bytes_ * 50 <= model.object_bytes_ + model.changed_bytes_)
            return model;
    }
    return Error{
        ErrorCode::kLimit,
        "Go's heap is too busy to be scanned by type truthfully: it is collected more often than it can be read"};
}

Result<void> GoHeapModel::read_once(const GoProcess& process, const GoSpans& before, uint64_t max_content_bytes,
                                    const GoOn& go_on) {
    uint64_t elements = 0;
    uint64_t pages = 0;
    for (const GoSpan& span : before.in_use) {
        elements += span.element_count;
        pages += std::min(span.page_count, kMaxPages + 1);
        if (span.has_pointers()) content_bytes_ += span.bytes();
    }
    if (content_bytes_ > kMaxContentBytes || elements > kMaxElements || pages > kMaxPages)
        return Error{ErrorCode::kLimit,
                     fmt::format("Go's heap is too large to be scanned by type: {} MiB with pointers, "
                                 "{} objects",
                                 content_bytes_ >> 20, elements)};
    if (content_bytes_ > max_content_bytes)
        return Error{
            ErrorCode::kLimit,
            fmt::format(
                "Go's heap is not read by type: the copy would take {} MiB, and {} MiB can be spared without "
                "bringing the program near a limit of its memory (--types on takes a quarter of all that is free)",
                content_bytes_ >> 20, max_content_bytes >> 20)};
    // Bits before contents: what is allocated by then stays so, as long as its span is not swept.
    WH_TRY(const GoAllocBits bits, GoAllocBits::read(process, before.in_use));
    contents_ = std::make_unique_for_overwrite<uint64_t[]>(content_bytes_ / 8);
    WH_TRY_VOID(read_contents(process, before.in_use, go_on));
    std::vector<uint64_t> addresses;
    for (const GoSpan& span : before.in_use) addresses.push_back(span.address);
    WH_TRY(const std::vector<GoSpan> after, read_go_spans_at(process, addresses));

    allocated_.reserve(elements);
    uint64_t content = 0;
    for (size_t i = 0; i < before.in_use.size(); ++i) {
        const GoSpan& span = before.in_use[i];
        GoModelSpan model = model_of(span, process.layout().minor_version, before.sweep_generation);
        model.content = content;
        if (span.has_pointers()) content += span.bytes();
        if (!is_same_time(span, after[i], before.sweep_generation)) {
            changed_objects_ += span.alloc_count;
            changed_bytes_ += span.alloc_count * span.element_bytes;
            continue;
        }
        model.first_number = static_cast<uint32_t>(allocated_.size());
        allocated_.resize(allocated_.size() + span.element_count);
        uint8_t* const allocated = allocated_.data() + model.first_number;
        uint64_t count = 0;
        for (uint32_t element = 0; element < span.element_count; ++element) {
            allocated[element] = bits.is_allocated(i, span, element) ? 1 : 0;
            count += allocated[element];
        }
        object_count_ += count;
        object_bytes_ += count * span.element_bytes;
        spans_.push_back(model);
    }
    index_pages();
    if (arenas_.empty() && !spans_.empty())
        return Error{ErrorCode::kLimit, "Go's heap lies too far apart to be scanned by type"};
    return {};
}

// Spans that lie side by side are read by one call.
Result<void> GoHeapModel::read_contents(const GoProcess& process, std::span<const GoSpan> spans, const GoOn& go_on) {
    constexpr uint64_t kMaxRunBytes = uint64_t{8} << 20;
    auto* bytes = reinterpret_cast<uint8_t*>(contents_.get());
    const std::jthread ahead = populate_ahead({bytes, content_bytes_});
    uint64_t done = 0;
    for (size_t first = 0, last = 0; first < spans.size(); first = last) {
        last = first + 1;
        if (!spans[first].has_pointers()) continue;
        uint64_t size = spans[first].bytes();
        while (last < spans.size() && spans[last].has_pointers() && size + spans[last].bytes() <= kMaxRunBytes &&
               spans[last].start == spans[first].start + size)
            size += spans[last++].bytes();
        for (uint64_t part = 0; part < size; part += kMaxRunBytes) {
            const uint64_t part_bytes = std::min(kMaxRunBytes, size - part);
            populate({bytes + done + part, part_bytes});
            WH_TRY_VOID(process.memory().read_into(spans[first].start + part, {bytes + done + part, part_bytes}));
            read_bytes_ += part_bytes;
        }
        done += size;
        if (!go_on()) return too_late();
    }
    return {};
}

void GoHeapModel::index_pages() {
    if (spans_.empty()) return;
    first_arena_ = spans_.front().start / kArenaBytes;
    const uint64_t last_arena = (spans_.back().start + spans_.back().page_bytes - 1) / kArenaBytes;
    if (last_arena - first_arena_ >= kMaxArenas) return;
    arenas_.assign(last_arena - first_arena_ + 1, kNoGoSpan);
    for (uint32_t i = 0; i < spans_.size(); ++i) {
        const uint64_t first_page = spans_[i].start / kGoPageBytes;
        for (uint64_t page = first_page; page < first_page + spans_[i].page_bytes / kGoPageBytes; ++page) {
            uint32_t& arena = arenas_[page / kArenaPages - first_arena_];
            if (arena == kNoGoSpan) {
                arena = static_cast<uint32_t>(pages_.size());
                pages_.resize(pages_.size() + kArenaPages, kNoGoSpan);
            }
            pages_[arena + page % kArenaPages] = i;
        }
    }
}

GoObject GoHeapModel::object(uint32_t number) const {
    const auto after = std::ranges::upper_bound(spans_, number, {}, &GoModelSpan::first_number);
    return after == spans_.begin() ? GoObject{} : GoObject{static_cast<uint32_t>(after - spans_.begin() - 1), number};
}

uint64_t GoHeapModel::header(GoObject object) const {
    const GoModelSpan& span = spans_[object.span];
    return span.has_headers ? *(words(object).data() - 1) : 0;
}

}  // namespace whoholds
