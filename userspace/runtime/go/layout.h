// Where the fields of Go's runtime are that we read, by minor version of Go. Used by the readers of this folder.
// Within a minor version no field that we read has moved (first and last patch compared). Offsets are those of amd64
// with the default experiments of each version; whether they hold in a process is checked before anything read is believed
// (go_process.h). A new version is a row in each table of layout.cpp that it changes.
#pragma once

#include <cstdint>
#include <optional>

namespace whoholds {

constexpr uint16_t kNoField = UINT16_MAX;

// struct g, with its gobuf, and what hangs on it.
struct GoroutineLayout {
    uint16_t size = 0;
    uint16_t saved_sp = 56;
    uint16_t saved_pc = 64;
    uint16_t syscall_sp = 0;
    uint16_t syscall_pc = 0;
    uint16_t stack_top = 0;  // stktopsp
    uint16_t status = 0;     // atomicstatus
    uint16_t id = 0;
    uint16_t wait_since = 0;
    uint16_t wait_reason = 0;
    uint16_t parent_id = 0;        // kNoField before 1.21
    uint16_t creator = 0;          // gopc
    uint16_t start = 0;            // startpc
    uint16_t waiting = 0;          // *sudog
    uint16_t waiting_channel = 0;  // in sudog
};

struct MemoryStatsLayout {          // memstats
    uint16_t heap_stats = 0;        // three heapStatsDelta, whose sum counts
    uint16_t heap_stats_bytes = 0;  // of each
    bool has_bitmaps = false;       // inPtrScalarBits follows inWorkBufs
    uint16_t heap_in_use = 0;       // the same as one of these sums; kNoField since 1.19
    uint16_t stacks_sys = 0;        // of threads
    uint16_t mspan_sys = 0;
    uint16_t mcache_sys = 0;
    uint16_t buckhash_sys = 0;
    uint16_t gc_misc_sys = 0;
    uint16_t other_sys = 0;
    uint16_t last_gc_unix = 0;
    uint16_t pause_total_ns = 0;
    uint16_t gc_count = 0;    // numgc, then numforcedgc
    uint16_t gc_enabled = 0;  // enablegc
};

struct GcControllerLayout {
    uint16_t gc_percent = 0;
    uint16_t memory_limit = 0;  // kNoField before 1.19
    uint16_t heap_goal = 0;     // by GOGC alone: gcPercentHeapGoal, in 1.18 heapGoal
    uint16_t heap_live = 0;
    uint16_t heap_marked = 0;
};

struct SpanLayout {  // mspan, which begins the same in all versions: start at 24, pages at 32, free_index at 48
    uint16_t size = 0;
    uint16_t element_count = 0;
    uint16_t index_bytes = 0;  // of free_index and element_count
    uint16_t alloc_bits = 0;
    uint16_t sweep_generation = 0;
    uint16_t alloc_count = 0;
    uint16_t span_class = 0;
    uint16_t state = 0;
    uint16_t element_size = 0;
    uint16_t specials = 0;
    uint16_t large_type = 0;  // kNoField before 1.22
};

struct GoLayout {
    unsigned minor_version = 0;
    GoroutineLayout goroutine;
    MemoryStatsLayout memory_stats;
    GcControllerLayout gc_controller;
    uint32_t heap_sweep_generation = 0;  // in mheap_
    uint32_t heap_all_spans = 0;
    uint32_t heap_arenas = 0;
    uint32_t arena_spans = 0;  // in heapArena
    SpanLayout span;
    uint16_t profile_cycle_bytes = 32;  // of memRecordCycle; 16 without bytes
};

constexpr unsigned kOldestGoMinor = 18;
constexpr unsigned kNewestGoMinor = 26;

// The row of a version, of the newest one known for those that are newer; nullopt for those that are too old.
std::optional<GoLayout> go_layout(unsigned minor_version);

}  // namespace whoholds
