// All spans of a Go heap: stretches of pages that hold objects of one size. Used by the census of spans, by sampling, which
// asks whether an object is still allocated, and by the scan of the heap by type.
// Invariant: every span that is returned is consistent in itself (its objects lie in its pages, its indices in its objects);
// those that were not, because they changed while they were read, are counted as `torn`. Nothing is stopped meanwhile, so the
// spans as a whole are those of a stretch of time; sweep generations before and after say whether a collection fell into it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/go/go_process.h"

namespace whoholds {

constexpr uint64_t kGoPageBytes = 8192;

struct GoSpan {
    uint64_t address = 0;  // of the record (mspan)
    uint64_t start = 0;    // of its first object
    uint64_t page_count = 0;
    uint64_t element_bytes = 0;
    uint64_t alloc_bits = 0;  // address of a bit for each element
    uint64_t mark_bits = 0;   // the same, of what the last collection has found alive, until the span is swept
    uint64_t specials = 0;    // the first record of finalizers, profiles and the like; 0: none
    uint64_t large_type = 0;  // of its only object; 0: not known, or a span of small ones
    uint32_t sweep_generation = 0;
    uint16_t element_count = 0;
    uint16_t free_index = 0;   // elements before it are allocated, those from it on as their bits say
    uint16_t alloc_count = 0;  // how many are allocated
    uint8_t span_class = 0;

    [[nodiscard]] uint64_t bytes() const { return page_count * kGoPageBytes; }
    [[nodiscard]] bool has_pointers() const { return (span_class & 1) == 0; }
    [[nodiscard]] bool is_large() const { return span_class >> 1 == 0; }
    // By the collection that `generation` (of the heap) stands for. Until then its bits still hold what that collection
    // found to be garbage.
    [[nodiscard]] bool is_swept(uint32_t generation) const {
        return sweep_generation == generation || sweep_generation == generation + 3;
    }
    [[nodiscard]] bool waits_for_sweep(uint32_t generation) const {
        return sweep_generation + 2 == generation || sweep_generation == generation + 1;
    }
};

struct GoSpans {
    std::vector<GoSpan> in_use;  // by address of their objects
    uint64_t record_count = 0;   // of records, those of stacks and of free pages included
    uint64_t torn = 0;
    uint32_t sweep_generation = 0;  // before they were read
    uint32_t sweep_generation_after = 0;
};

// kLimit above sixteen million records.
Result<GoSpans> read_go_spans(const GoProcess& process);
// The same of a few, by the addresses of their records, in their order. A span that is no longer in use, or torn, has
// element_count 0.
Result<std::vector<GoSpan>> read_go_spans_at(const GoProcess& process, std::span<const uint64_t> addresses);
Result<uint32_t> read_go_sweep_generation(const GoProcess& process);

// Which elements of spans are allocated.
class GoAllocBits {
public:
    // Those that cannot be read have no bits, and are counted in unread().
    static Result<GoAllocBits> read(const GoProcess& process, std::span<const GoSpan> spans);

    // span: the one at position `index` of those that were read.
    [[nodiscard]] bool is_allocated(size_t index, const GoSpan& span, uint32_t element) const {
        return element < span.free_index || is_set(index, element);
    }
    // The bit alone: since the last sweep, whether the collection found it alive.
    [[nodiscard]] bool is_set(size_t index, uint32_t element) const {
        const size_t at = starts_[index] + element / 8;
        return at < starts_[index + 1] && (bytes_[at] >> (element % 8) & 1) != 0;
    }
    [[nodiscard]] size_t unread() const { return unread_; }

private:
    std::vector<uint8_t> bytes_;
    std::vector<size_t> starts_;  // one more than spans
    size_t unread_ = 0;
};

}  // namespace whoholds
