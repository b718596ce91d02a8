// JsHeapTables: the tables in which BPF programs follow samples of JavaScript heaps (bpf/shared/js_heap.h), given out and read. Part of the
// Tracer.
// Invariant: a table is the heap's own until it is given back; what is read of one is of one moment.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bpf/mapped_array.h"
#include "bpf/shared/js_heap.h"
#include "bpf/shared/records.h"

namespace whoholds {

class JsHeapTables {
public:
    struct Maps {
        int layouts = -1;
        int heaps = -1;
        int numbers = -1;
    };
    static Result<JsHeapTables> open(const Maps& maps);

    // From then on what the probes in this process see counts.
    void set_layout(uint16_t slot, const wh_js_layout& layout) { layouts_.items()[slot] = layout; }
    void forget_layout(uint16_t slot) { layouts_.items()[slot] = {}; }

    // The number of a table for this heap; nullopt: all are in use.
    std::optional<uint32_t> give(uint16_t slot, uint64_t heap);
    void take_back(uint32_t number);
    // Counts and samples; nullopt: it is just being changed, all the time.
    struct Copy {
        wh_js_heap_counts counts{};
        std::vector<wh_js_sample> samples;
    };
    [[nodiscard]] std::optional<Copy> read(uint32_t number) const;
    [[nodiscard]] uint32_t changes(uint32_t number) const;

private:
    MappedArray<wh_js_layout> layouts_;
    MappedArray<wh_js_heap> heaps_;
    int numbers_ = -1;
    std::vector<bool> in_use_ = std::vector<bool>(WH_MAX_JS_HEAPS);
};

}  // namespace whoholds
