// The maps. Sizes of 1 are set by the loader from its options.
#ifndef WHOHOLDS_LIB_MAPS_H
#define WHOHOLDS_LIB_MAPS_H

#include "lib/kernel.bpf.h"
#include "shared/call_shape.h"
#include "shared/counters.h"
#include "shared/records.h"
#include "shared/resource_kinds.h"
#include "shared/unwind.h"

// A call in progress. Private to its thread: uprobe programs may be preempted, so nothing per CPU is safe.
struct wh_call {
    u64 sp;              // stack pointer at the entry of the outermost call; 0: none in progress
    u64 cookie;          // its shape
    u64 return_address;  // for shapes with BY_RET
    u64 size;
    u64 key;
    u64 old_key;
    u64 old_size_stack;
    u64 old_time_ns;
    u32 old_state;  // wh_old_state
    u32 flags;
};

enum wh_old_state { WH_OLD_NONE = 0, WH_OLD_TAKEN_FROM_YOUNG = 1, WH_OLD_SENT = 2 };

#define WH_WINDOW_WORDS 512
#define WH_PAGE_BYTES 4096

struct wh_thread {
    struct wh_call calls[WH_GROUP_COUNT];
    u64 registers[WH_SNAPSHOT_REGISTERS];  // where a stack begins that user space may have to finish
    u64 stack_top;                         // the end of its stack, where a walk was complete; a hint only
    u64 window_wanted;                     // bytes of stack that the last walk needed
    u64 r14;                               // in Go code: the current g; set where a walk's ancestry is asked for
    struct wh_stack_record record;         // the walk's frames
    u64 window[WH_WINDOW_WORDS];           // a copy of a part of its stack
};
// Linux 7 takes task storage from an allocator that has 8 KiB at most, with a head of its own.
WH_STATIC_ASSERT(sizeof(struct wh_thread) <= 8 * 1024 - 192);

enum wh_walk_flag {
    WH_WALK_EXACT = 1 << 0,       // pc was interrupted: it is not a return address
    WH_WALK_GUESSED = 1 << 1,     // a frame pointer was followed through code that may not keep them
    WH_WALK_FP_UNKNOWN = 1 << 2,  // rbp of this frame cannot be told
    // From bit 16 on: the process + 1, if V8 runs in it.
};
#define WH_WALK_V8(process) (((process) + 1) << 16)
#define WH_WALK_V8_MASK 0xffff0000
#define WH_WALK_PROCESS(walk) (((walk)->flags >> 16) - 1)

struct wh_walk {
    u64 pc;
    u64 sp;
    u64 fp;
    u64 fp_at;  // not 0: rbp is to be read from here
    u64 hash;
    u64 salt;
    u64 trampoline;  // where uretprobes make functions return to
    u64 window_start;
    u64 top;           // nothing beyond is copied into the window
    u32 window_bytes;  // valid ones
    u32 frame_count;
    u32 mapping;  // the last one hit
    u32 first_mapping;
    u32 mapping_count;
    u32 status;
    u32 flags;
    u32 layout;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_process);
} processes SEC(".maps");

// Host tgid -> index into `processes`, for the processes we trace.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, u32);
} traced_tgids SEC(".maps");

// Host tgids of what traced processes forked, with follows_forks.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16 * WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, u32);
} followed_tgids SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct wh_young_bucket);
} young SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct wh_stack_bucket);
} stacks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct wh_stack_counters);
} stack_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
} probe_hits SEC(".maps");

// Unwind tables, written by user space (shared/unwind.h).
struct wh_arena_segment {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_ARENA_SEGMENT_CHUNKS);
    __uint(key_size, sizeof(u32));
    __uint(value_size, 4 * WH_ARENA_CHUNK_WORDS);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, WH_ARENA_SEGMENTS);
    __type(key, u32);
    __type(value, u32);
    __array(values, struct wh_arena_segment);
} arena SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_MAPPINGS);
    __type(key, u32);
    __type(value, struct wh_mapping);
} mappings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WH_MAX_PROCESSES);
    __type(key, u32);
    __type(value, struct wh_unwind_process);
} unwind_processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} backlog SEC(".maps");

const volatile struct wh_config config = {};

// Stays empty. From 6.13 on the kernel gives tracing programs of some size a stack for each CPU, although uprobe programs may be
// preempted by another task's run of the same program, which then writes into it (Linux 7.2 panicked). Programs with a tail call
// keep the stack of their task; the verifier drops the call itself, as the condition is a constant.
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u32);
} no_programs SEC(".maps");

#define WH_KEEP_OWN_STACK(ctx)                                         \
    do {                                                               \
        if (!config.stack_stride) bpf_tail_call(ctx, &no_programs, 0); \
    } while (0)

// .bss, mapped by user space (types that the skeleton header knows).
__u64 counters[WH_COUNTER_COUNT] = {};
// The shapes of the system calls that are followed by the tracepoint, by number; 0: not followed.
__u64 system_call_shapes[WH_SYSTEM_CALLS] = {};
// Asked of the task iterator: tgid in the tool's PID namespace, and whether its threads' states are to be made.
__u32 locate_tgid = 0;
__u32 locate_makes_threads = 0;
// Execs of processes that are not traced are told, too.
__u32 watches_execs = 0;
// Forks of processes that came of traced ones are told, whether they are traced themselves by then or not.
__u32 follows_forks = 0;

// Global variables and not map elements: what every frame reads is then an address away, without a lookup.
__u64 rules[WH_UNWIND_RULES] = {};  // struct wh_unwind_rule
__u64 rule_cache[1 << WH_CACHE_BITS] = {};

WH_INLINE void count(enum wh_counter counter) { __sync_fetch_and_add(&counters[counter], 1); }

WH_INLINE u32 cpu_shard(void) { return bpf_get_smp_processor_id() & config.shard_mask; }

// Called with every hit, so it must stay cheap: one atomic add on a line of this CPU's shard.
WH_INLINE void count_hit(u64 cookie) {
    u32 index = cpu_shard() * WH_MAX_PROBES + WH_SHAPE_GET(cookie, PROBE);
    u64* hits = bpf_map_lookup_elem(&probe_hits, &index);
    if (hits) __sync_fetch_and_add(hits, 1);
}

WH_INLINE struct wh_stack_counters* counters_of(u32 stack) {
    u32 index = cpu_shard() * config.stack_stride + stack;
    return bpf_map_lookup_elem(&stack_counters, &index);
}

WH_INLINE void count_died(u32 stack, u64 size) {
    struct wh_stack_counters* c = counters_of(stack);
    if (!c) return;
    __sync_fetch_and_add(&c->died_count, 1);
    __sync_fetch_and_add(&c->died_bytes, size);
}

WH_INLINE void count_undied(u32 stack, u64 size) {
    struct wh_stack_counters* c = counters_of(stack);
    if (!c) return;
    __sync_fetch_and_add(&c->died_count, -1);
    __sync_fetch_and_add(&c->died_bytes, -size);
}

WH_INLINE void count_lost(u32 stack, u64 size) {
    count(WH_COUNTER_ACQUIRE_LOST);
    struct wh_stack_counters* c = counters_of(stack);
    if (!c) return;
    __sync_fetch_and_add(&c->lost_count, 1);
    __sync_fetch_and_add(&c->lost_bytes, size);
}

#ifdef WH_OLD_KERNEL
#include "lib/old_kernel.bpf.h"
#else
#include "lib/new_kernel.bpf.h"
#endif

#endif
