// What the programs ask of the kernel in one way from Linux 5.15 on, and in another one before (lib/old_kernel.bpf.h, which has the
// same names). Included by maps.bpf.h alone.
#ifndef WHOHOLDS_LIB_NEW_KERNEL_H
#define WHOHOLDS_LIB_NEW_KERNEL_H

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct wh_thread);
} threads SEC(".maps");

#define current_task() bpf_get_current_task_btf()
#define WH_FIELD(object, field) ((object)->field)

WH_INLINE u64 cookie_of(void* ctx) { return bpf_get_attach_cookie(ctx); }

// The state of a thread; null: there is none.
WH_INLINE struct wh_thread* find_thread(struct task_struct* task) { return bpf_task_storage_get(&threads, task, 0, 0); }

WH_INLINE struct wh_thread* make_thread(struct task_struct* task) {
    return bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

WH_INLINE void forget_thread(u32 tid) {}  // it goes with the thread

// The registers with which the current task entered the kernel.
WH_INLINE struct pt_regs* user_registers(struct task_struct* task, struct wh_thread* thread) {
    return (void*)bpf_task_pt_regs(task);
}

WH_INLINE struct socket* socket_of(struct file* file) { return bpf_sock_from_file(file); }

// Returns what was there before.
#define swap_if_equal(place, expected, wanted) __sync_val_compare_and_swap(place, expected, wanted)
#define count_up(place) __sync_fetch_and_add(place, 1)

#define WH_HAS_YOUNG 1

// The hash that the slot holds from now on, or held already; 0: nobody can have it.
WH_INLINE u64 claim_stack_slot(struct wh_stack_bucket* bucket, u32 way, u32 bucket_index, u64 hash, u32 kind_process) {
    u64 found = swap_if_equal(&bucket->hash[way], 0, hash);
    if (found) return found;
    bucket->kind_process[way] = kind_process;
    return hash;
}

// Of functions that the verifier looks at once and not for each call of them.
#define WH_CHECKED_ONCE __noinline
#define WH_WALK_PARAMETERS struct wh_walk *walk, struct wh_thread *thread
#define WH_WALK_ARGUMENTS(walk, thread) walk, thread
#define WH_WALK_BEGIN(failed) \
    if (!walk || !thread) return failed

// Where a walk is kept that begins like this.
WH_INLINE struct wh_walk* place_of_walk(struct wh_thread* thread, struct wh_walk* start) { return start; }

#endif
