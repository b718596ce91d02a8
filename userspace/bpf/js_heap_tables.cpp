#include "bpf/js_heap_tables.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>

namespace whoholds {

Result<JsHeapTables> JsHeapTables::open(const Maps& maps) {
    JsHeapTables tables;
    WH_TRY_VOID(tables.layouts_.map(maps.layouts, "js_layouts", WH_MAX_PROCESSES));
    WH_TRY_VOID(tables.heaps_.map(maps.heaps, "js_heaps", WH_MAX_JS_HEAPS));
    tables.numbers_ = maps.numbers;
    return tables;
}

std::optional<uint32_t> JsHeapTables::give(uint16_t slot, uint64_t heap) {
    const auto free = std::ranges::find(in_use_, false);
    if (free == in_use_.end()) return std::nullopt;
    const auto number = static_cast<uint32_t>(free - in_use_.begin());
    wh_js_heap& table = heaps_.items()[number];
    table.counts = {.heap = heap, .process = slot};
    const wh_js_heap_key key{heap, slot};
    if (bpf_map_update_elem(numbers_, &key, &number, BPF_ANY) != 0) return std::nullopt;
    *free = true;
    return number;
}

void JsHeapTables::take_back(uint32_t number) {
    const wh_js_heap_counts& counts = heaps_.items()[number].counts;
    const wh_js_heap_key key{counts.heap, counts.process};
    bpf_map_delete_elem(numbers_, &key);  // the heap's own end may have done it
    in_use_[number] = false;
}

uint32_t JsHeapTables::changes(uint32_t number) const {
    return std::atomic_ref(heaps_.items()[number].counts.changes).load(std::memory_order_acquire);
}

std::optional<JsHeapTables::Copy> JsHeapTables::read(uint32_t number) const {
    constexpr int kTries = 16;
    const wh_js_heap& table = heaps_.items()[number];
    for (int i = 0; i < kTries; i++) {
        const uint32_t before = changes(number);
        if (before % 2 != 0) continue;
        Copy copy{.counts = table.counts, .samples = {}};
        const uint32_t used = std::min<uint32_t>(copy.counts.used, WH_JS_SAMPLES);
        copy.samples.assign(table.samples, table.samples + used);
        std::atomic_thread_fence(std::memory_order_acquire);
        copy.counts.changes = before;
        if (changes(number) == before) return copy;
    }
    return std::nullopt;
}

}  // namespace whoholds
