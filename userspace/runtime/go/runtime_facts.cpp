#include "runtime/go/runtime_facts.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

namespace whoholds {
namespace {

template <class T>
T at(std::span<const uint8_t> bytes, size_t offset) {
    T value{};
    if (offset <= bytes.size() && sizeof value <= bytes.size() - offset)
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

// Counters that are updated apart from each other may give a sum below zero for a moment.
uint64_t not_negative(int64_t value) { return value < 0 ? 0 : static_cast<uint64_t>(value); }

struct HeapStats {  // the first words of heapStatsDelta
    int64_t committed = 0;
    int64_t released = 0;
    int64_t in_heap = 0;
    int64_t in_stacks = 0;
    int64_t in_work_buffers = 0;
    int64_t in_bitmaps = 0;
};

HeapStats sum_heap_stats(std::span<const uint8_t> bytes, const MemoryStatsLayout& layout, size_t bytes_of_each) {
    HeapStats sum;
    for (size_t i = 0; i < 3; ++i) {
        const auto part = at<HeapStats>(bytes, layout.heap_stats + i * bytes_of_each);
        sum.committed += part.committed;
        sum.released += part.released;
        sum.in_heap += part.in_heap;
        sum.in_stacks += part.in_stacks;
        sum.in_work_buffers += part.in_work_buffers;
        if (layout.has_bitmaps) sum.in_bitmaps += part.in_bitmaps;
    }
    return sum;
}

void read_memory_stats(std::span<const uint8_t> bytes, const MemoryStatsLayout& layout, GoRuntimeFacts& facts) {
    HeapStats heap = sum_heap_stats(bytes, layout, layout.heap_stats_bytes);
    // The first patches of 1.18 have one more word in each.
    if (layout.heap_in_use != kNoField && heap.in_heap != at<int64_t>(bytes, layout.heap_in_use))
        heap = sum_heap_stats(bytes, layout, layout.heap_stats_bytes + 8U);
    facts.heap_in_use_bytes = not_negative(heap.in_heap);
    facts.heap_idle_bytes =
        not_negative(heap.committed - heap.in_heap - heap.in_stacks - heap.in_work_buffers - heap.in_bitmaps);
    facts.heap_released_bytes = not_negative(heap.released);
    facts.goroutine_stack_bytes = not_negative(heap.in_stacks);
    facts.other_bytes = not_negative(heap.in_work_buffers) + not_negative(heap.in_bitmaps);
    for (const uint16_t offset : {layout.stacks_sys, layout.mspan_sys, layout.mcache_sys, layout.buckhash_sys,
                                  layout.gc_misc_sys, layout.other_sys})
        facts.other_bytes += at<uint64_t>(bytes, offset);
    facts.last_gc_unix_ns = at<uint64_t>(bytes, layout.last_gc_unix);
    facts.gc_pause_ns = at<uint64_t>(bytes, layout.pause_total_ns);
    facts.gc_count = at<uint32_t>(bytes, layout.gc_count);
    facts.gc_forced_count = at<uint32_t>(bytes, layout.gc_count + 4U);
}

void read_controller(std::span<const uint8_t> bytes, const GcControllerLayout& layout, GoRuntimeFacts& facts) {
    const auto percent = at<int32_t>(bytes, layout.gc_percent);
    if (percent >= 0) facts.gc_percent = static_cast<uint32_t>(percent);
    if (layout.memory_limit != kNoField) {
        const auto limit = at<int64_t>(bytes, layout.memory_limit);
        if (limit > 0 && limit != INT64_MAX) facts.memory_limit_bytes = static_cast<uint64_t>(limit);
    }
    const auto goal = at<uint64_t>(bytes, layout.heap_goal);
    if (goal != UINT64_MAX) facts.heap_goal_bytes = goal;
    facts.heap_live_bytes = at<uint64_t>(bytes, layout.heap_live);
}

}  // namespace

Result<GoRuntimeFacts> read_go_runtime_facts(const GoProcess& process) {
    constexpr size_t kMemoryStatsBytes = 9600;  // the newest row of the layout ends at 7688, the oldest at 9536
    constexpr size_t kControllerBytes = 256;
    const GoLayout& layout = process.layout();
    const GoVariables& variables = process.variables();
    const ProcessMemory& memory = process.memory();
    GoRuntimeFacts facts;
    WH_TRY(const auto stats, memory.read(variables.memory_stats, kMemoryStatsBytes));
    read_memory_stats(stats, layout.memory_stats, facts);
    WH_TRY(const auto controller, memory.read(variables.gc_controller, kControllerBytes));
    read_controller(controller, layout.gc_controller, facts);
    WH_TRY(facts.max_procs, memory.read_object<uint32_t>(variables.max_procs));
    WH_TRY(facts.span_count, memory.read_object<uint64_t>(variables.heap + layout.heap_all_spans + 8));
    WH_TRY(facts.profile_rate_bytes, memory.read_object<uint64_t>(variables.profile_rate));
    return facts;
}

}  // namespace whoholds
