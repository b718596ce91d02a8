// JsSampleBook: what has become of the sampled allocations of one process's JavaScript heaps -> acquired and released resources of the
// kind js_heap. Used by JsSampling. Pure: samples and copies of the kernel's tables are passed in, records come out.
// Invariant: a sample is held from when a full collection, or two censuses in a row (heap_census.h), have found it alive until it is gone from its heap's
// table, or two censuses in a row have missed it; one that goes before is acquired and released at once. What nobody has looked at yet is
// neither.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <map>
#include <span>

#include "bpf/shared/js_heap.h"
#include "stream/record.h"

namespace whoholds {

class JsSampleBook {
public:
    using Emit = std::function<void(const Record&)>;

    // sample: a record of type kJsSample; the heap by a number that is never given again.
    void add(uint32_t heap, const Record& sample);
    // The heap's table as it is, after all its samples that were sent before were added.
    // full_collections: how many the heap has seen.
    void look(uint32_t heap, std::span<const wh_js_sample> table, uint32_t full_collections, uint64_t now_ns,
              const Emit& emit);
    struct Counted {
        uint32_t number = 0;
        bool is_alive = false;
    };
    // What a census has found of samples that are in the table.
    void look_by_census(uint32_t heap, std::span<const Counted> counted, uint32_t full_collections, uint64_t now_ns,
                        const Emit& emit);
    // The heap is gone, with all that was on it.
    void end(uint32_t heap, uint64_t now_ns, const Emit& emit);
    void end_all(uint64_t now_ns, const Emit& emit);

    [[nodiscard]] uint64_t waiting_bytes() const { return waiting_bytes_; }
    // By stack, samples that were never held and that nobody has found dead.
    [[nodiscard]] std::map<uint32_t, uint64_t> waiting() const;
    // The most that one of those followed stands for.
    [[nodiscard]] uint64_t largest_bytes() const;
    [[nodiscard]] uint64_t taken() const { return taken_; }
    // Of what the last census before a full collection had missed, how many samples that collection found dead, and how many alive.
    [[nodiscard]] uint64_t missed_rightly() const { return missed_rightly_; }
    [[nodiscard]] uint64_t missed_wrongly() const { return missed_wrongly_; }

private:
    struct Known {
        uint64_t size = 0;
        uint64_t time_ns = 0;
        uint32_t stack = 0;
        uint16_t process = 0;
        bool is_held = false;
        bool was_held = false;
        uint32_t found = 0;                 // by so many censuses in a row
        uint32_t missed = 0;                // by so many censuses in a row
        uint32_t missed_at_collection = 0;  // ... the last one after so many full collections
    };
    using Samples = absl::flat_hash_map<uint32_t, Known>;  // by number

    void hold(uint32_t heap, uint32_t number, Known& known, const Emit& emit);
    void release(uint32_t heap, uint32_t number, Known& known, uint64_t now_ns, const Emit& emit);
    void let_go(uint32_t heap, uint32_t number, Known& known, uint64_t now_ns, const Emit& emit);

    absl::flat_hash_map<uint32_t, Samples> heaps_;
    uint64_t waiting_bytes_ = 0;
    uint64_t taken_ = 0;
    uint64_t missed_rightly_ = 0;
    uint64_t missed_wrongly_ = 0;
};

}  // namespace whoholds
