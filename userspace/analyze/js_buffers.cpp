#include "analyze/js_buffers.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>

#include "analyze/js_heap_growth.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {

void keep_live_buffers(const Aggregator& aggregator, uint16_t slot, const LiveBuffers& live, ProcessReport& process) {
    if (process.slice_ends_s.empty()) return;
    const auto width_ns = static_cast<uint64_t>(process.slice_ends_s.front() * 1e9);
    if (width_ns == 0) return;
    absl::flat_hash_map<uint32_t, StackReport*> rows;
    for (StackReport& row : process.stacks) {
        if (row.kind == kJsHeapKind || row.before_attach || !is_given_back_by_v8(process, row)) continue;
        std::ranges::fill(row.held_by_slice, 0);
        for (const uint32_t stack : row.stacks) rows[stack] = &row;
    }
    if (rows.empty()) return;
    aggregator.for_each_block(slot, WH_KIND_HEAP, [&](uint64_t key, const Block& block) {
        const auto row = rows.find(block.stack);
        if (row == rows.end() || block.time_ns < live.start_ns) return;
        if (block.time_ns < live.counted_ns && !live.blocks.contains(key)) return;
        const uint64_t slice = (block.time_ns - live.start_ns) / width_ns;
        if (slice < row->second->held_by_slice.size()) row->second->held_by_slice[slice]++;
    });
}

}  // namespace whoholds
