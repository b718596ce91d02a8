// The same as lib/new_kernel.bpf.h with what Linux 5.10 has: no cookies, no task storage, no atomic operation that returns a value,
// and global functions that take numbers only. Included by maps.bpf.h alone, with WH_OLD_KERNEL.
#ifndef WHOHOLDS_LIB_OLD_KERNEL_H
#define WHOHOLDS_LIB_OLD_KERNEL_H

#include "shared/old_kernel.h"

struct wh_old_thread {
    struct wh_thread thread;  // first
    struct wh_walk walk;
};

// By the number of the thread. Preallocated: to allocate in a probe is not safe on these kernels.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WH_OLD_KERNEL_THREADS);
    __type(key, u32);
    __type(value, struct wh_old_thread);
} threads SEC(".maps");

// What the state of a thread begins as: all zero.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct wh_old_thread);
} new_thread SEC(".maps");

// Who has a slot of the table of stacks, by its index: the hash of the one who came first. User space sets the size.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
} stack_owners SEC(".maps");

// From with_cookie to the program that it calls. Nothing comes between on these kernels, which run probes with preemption disabled;
// should it on others, the thread says so.
struct wh_handed_cookie {
    u64 cookie;
    u64 thread;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct wh_handed_cookie);
} handed_cookie SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, WH_OLD_KERNEL_PROGRAMS);
    __type(key, u32);
    __type(value, u32);
} probe_programs SEC(".maps");

WH_INLINE struct task_struct* current_task(void) { return (void*)bpf_get_current_task(); }
#define WH_FIELD(object, field) BPF_CORE_READ(object, field)

WH_INLINE u64 cookie_of(void* ctx) {
    u32 zero = 0;
    struct wh_handed_cookie* handed = bpf_map_lookup_elem(&handed_cookie, &zero);
    if (handed && handed->thread == bpf_get_current_pid_tgid()) return handed->cookie;
    count(WH_COUNTER_NO_THREAD_STATE);
    return WH_SHAPE_PUT(PROCESS, WH_NO_PROCESS);
}

WH_INLINE struct wh_thread* find_thread(struct task_struct* task) {
    u32 tid = WH_FIELD(task, pid);
    return bpf_map_lookup_elem(&threads, &tid);
}

WH_INLINE struct wh_thread* make_thread(struct task_struct* task) {
    u32 tid = WH_FIELD(task, pid), zero = 0;
    struct wh_thread* thread = bpf_map_lookup_elem(&threads, &tid);
    if (thread) return thread;
    void* zeroes = bpf_map_lookup_elem(&new_thread, &zero);
    if (!zeroes) return 0;
    bpf_map_update_elem(&threads, &tid, zeroes, BPF_NOEXIST);
    return bpf_map_lookup_elem(&threads, &tid);
}

WH_INLINE void forget_thread(u32 tid) { bpf_map_delete_elem(&threads, &tid); }

#define WH_KERNEL_STACK_BYTES 16384  // x86-64
#define WH_USER_CODE 3               // the privilege level in cs

// A copy, in memory of the thread that nothing else uses at that moment.
WH_INLINE struct pt_regs* user_registers(struct task_struct* task, struct wh_thread* thread) {
    struct pt_regs* registers = (void*)thread->window;
    u64 end = (u64)WH_FIELD(task, stack) + WH_KERNEL_STACK_BYTES;
    bpf_probe_read_kernel(registers, sizeof(*registers), (void*)(end - sizeof(*registers)));
    // A kernel with larger stacks: no stack at all then, and not a wrong one.
    if ((registers->cs & WH_USER_CODE) != WH_USER_CODE) registers->rip = 0;
    return registers;
}

WH_INLINE struct socket* socket_of(struct file* file) { return BPF_CORE_READ(file, private_data); }

// Where two at once do the same twice, and nothing worse: stacks are sent and news are told once more than needed.
#define swap_if_equal(place, expected, wanted)                                     \
    ({                                                                             \
        u64 was_there = *(volatile u64*)(place);                                   \
        if (was_there == (u64)(expected)) *(volatile u64*)(place) = (u64)(wanted); \
        was_there;                                                                 \
    })

WH_INLINE u64 count_up(u64* place) {
    u64 before = *(volatile u64*)place;
    __sync_fetch_and_add(place, 1);
    return before;
}

#define WH_HAS_YOUNG 0  // it cannot do without; everything travels

// To insert what is not there yet is the one thing that only one of several can do.
WH_INLINE u64 claim_stack_slot(struct wh_stack_bucket* bucket, u32 way, u32 bucket_index, u64 hash, u32 kind_process) {
    u32 index = bucket_index * WH_STACK_WAYS + way;
    bpf_map_update_elem(&stack_owners, &index, &hash, BPF_NOEXIST);
    u64* owner = bpf_map_lookup_elem(&stack_owners, &index);
    if (!owner || *owner != hash) return 0;
    bucket->kind_process[way] = kind_process;
    *(volatile u64*)&bucket->hash[way] = hash;
    return hash;
}

#define WH_CHECKED_ONCE static __noinline  // looked at for each call, in fact
#define WH_WALK_PARAMETERS u32 tid
#define WH_WALK_ARGUMENTS(walk, thread) (u32) bpf_get_current_pid_tgid()
#define WH_WALK_BEGIN(failed)                                          \
    struct wh_old_thread* state = bpf_map_lookup_elem(&threads, &tid); \
    if (!state) return failed;                                         \
    struct wh_thread* thread __attribute__((unused)) = &state->thread; \
    struct wh_walk* walk = &state->walk

WH_INLINE struct wh_walk* place_of_walk(struct wh_thread* thread, struct wh_walk* start) {
    struct wh_walk* walk = &((struct wh_old_thread*)thread)->walk;
    *walk = *start;
    return walk;
}

#endif
