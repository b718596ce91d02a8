// What the Go runtime knows about its memory and its collector: why a process with a small heap can be large. Read by
// runtime_facts.h, shown by reports. Plain data.
#pragma once

#include <cstdint>
#include <optional>

namespace whoholds {

struct GoRuntimeFacts {
    uint32_t max_procs = 0;            // GOMAXPROCS
    uint64_t heap_in_use_bytes = 0;    // spans with objects
    uint64_t heap_idle_bytes = 0;      // free, still backed by memory
    uint64_t heap_released_bytes = 0;  // given back to the kernel
    uint64_t goroutine_stack_bytes = 0;
    uint64_t other_bytes = 0;      // the runtime's own: threads' stacks, spans, caches, profiles, collector
    uint64_t span_count = 0;       // in use and free
    uint64_t heap_live_bytes = 0;  // marked by the last collection, and allocated since
    std::optional<uint64_t>
        heap_goal_bytes;  // that the next collection is to end at, as GOGC has it; none: GOGC is off
    std::optional<uint64_t> memory_limit_bytes;  // GOMEMLIMIT
    std::optional<uint32_t> gc_percent;          // GOGC; none: off
    uint32_t gc_count = 0;
    uint32_t gc_forced_count = 0;
    uint64_t gc_pause_ns = 0;         // in all
    uint64_t last_gc_unix_ns = 0;     // 0: none yet
    uint64_t profile_rate_bytes = 0;  // MemProfileRate; 0: the heap profile is off
};

}  // namespace whoholds
