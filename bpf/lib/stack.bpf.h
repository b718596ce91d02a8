// The stack of the caller, taken when the acquiring call returns: the program counter then is the return address, exactly.
// This walker follows frame pointers, says so in the status, and never calls such a stack complete.
#ifndef WHOHOLDS_LIB_STACK_H
#define WHOHOLDS_LIB_STACK_H

#include "lib/maps.bpf.h"

#define WH_STACK_MAX_STEP (1u << 20)  // bytes between two frames; more is taken for garbage

WH_INLINE u64 mix(u64 hash, u64 value) {
    hash ^= value;
    hash *= 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 29;
}

// Where uretprobes make functions return to; 0 if this address space has none.
WH_INLINE u64 trampoline_address(struct task_struct* task) {
    struct mm_struct* mm = task->mm;
    if (!mm) return 0;
    struct xol_area* area = mm->uprobes_state.xol_area;
    return area ? area->vaddr : 0;
}

// The return address that a uretprobe took away from the stack slot. Functions that were tail-called share a slot; the entry
// that is not chained holds the true address.
__noinline u64 hijacked_return_address(u64 slot) {
    struct task_struct* task = bpf_get_current_task_btf();
    struct return_instance* instance = BPF_CORE_READ(task, utask, return_instances);
    for (int i = 0; i < 64 && instance; i++) {
        if (BPF_CORE_READ(instance, stack) == slot && !BPF_CORE_READ(instance, chained))
            return BPF_CORE_READ(instance, orig_ret_vaddr);
        instance = BPF_CORE_READ(instance, next);
    }
    return 0;
}

struct wh_walk {
    u64 fp;
    u64 sp;
    u64 hash;
    u64 trampoline;
    u32 frame_count;
    u32 status;
};

// One frame further; 0: the walk ended. A global function, which the verifier checks once and not for each iteration.
__noinline int walk_step(struct wh_walk* walk, struct wh_thread* thread) {
    u64 frame[2] = {};
    if (!walk || !thread) return 0;
    if (walk->fp == 0) {
        walk->status = WH_STACK_FRAME_POINTERS;
        return 0;
    }
    if ((walk->fp & 7) || walk->fp < walk->sp || walk->fp - walk->sp > WH_STACK_MAX_STEP) {
        walk->status = WH_STACK_BROKEN;
        return 0;
    }
    if (bpf_probe_read_user(frame, sizeof(frame), (void*)walk->fp)) {
        walk->status = WH_STACK_READ_FAILED;
        return 0;
    }
    if (frame[1] == 0) {
        walk->status = WH_STACK_FRAME_POINTERS;
        return 0;
    }
    if (frame[1] == walk->trampoline && walk->trampoline) frame[1] = hijacked_return_address(walk->fp + 8);
    u32 index = walk->frame_count;
    if (index >= WH_STACK_MAX_FRAMES || frame[1] < 4096) {
        walk->status = index >= WH_STACK_MAX_FRAMES ? WH_STACK_TOO_DEEP : WH_STACK_BROKEN;
        return 0;
    }
    thread->frames[index] = frame[1];
    walk->hash = mix(walk->hash, frame[1]);
    walk->frame_count = index + 1;
    walk->sp = walk->fp + 16;
    walk->fp = frame[0];
    return 1;
}

static __noinline int send_stack(struct wh_walk* walk, struct wh_thread* thread, u64* slot, u32 stack,
                                 u32 kind_process) {
    u64 unsent = *(volatile u64*)slot;
    if (unsent & WH_STACK_SENT) return 0;
    if (__sync_val_compare_and_swap(slot, unsent, unsent | WH_STACK_SENT) != unsent) return 0;
    struct wh_stack_record* record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
    if (!record) {
        *(volatile u64*)slot = unsent;  // the next event with this stack tries again
        count(WH_COUNTER_STACK_RETRIED);
        return 0;
    }
    record->type = WH_RECORD_STACK;
    record->kind = kind_process & 0xff;
    record->process = kind_process >> 16;
    record->stack = stack;
    record->hash = unsent;
    record->status = walk->status;
    record->frame_count = walk->frame_count;
    for (int i = 0; i < WH_STACK_MAX_FRAMES; i++) record->frames[i] = thread->frames[i];
    bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
    return 1;
}

// Index of the stack; if the table is full, the row for what has none. Sends its frames if they were not sent yet.
WH_INLINE u32 stack_index(struct wh_walk* walk, struct wh_thread* thread, u32 kind, u32 process) {
    u64 hash = mix(walk->hash, (u64)process << 16 | kind << 8 | walk->status) & ~WH_STACK_SENT;
    if (!hash) hash = 2;
    u32 bucket_index = (hash >> 32) & config.stack_bucket_mask;
#pragma unroll
    for (int probe = 0; probe < 2; probe++) {
        struct wh_stack_bucket* bucket = bpf_map_lookup_elem(&stacks, &bucket_index);
        if (!bucket) break;
#pragma unroll
        for (u32 way = 0; way < WH_STACK_WAYS; way++) {
            u64 found = *(volatile u64*)&bucket->hash[way];
            if (!found) {
                found = __sync_val_compare_and_swap(&bucket->hash[way], 0, hash);
                if (!found) {
                    found = hash;
                    bucket->kind_process[way] = kind | process << 16;
                }
            }
            if ((found & ~WH_STACK_SENT) != hash) continue;
            u32 stack = bucket_index * WH_STACK_WAYS + way + 1;
            if (!(found & WH_STACK_SENT)) send_stack(walk, thread, &bucket->hash[way], stack, kind | process << 16);
            return stack;
        }
        bucket_index = (hash >> 8) & config.stack_bucket_mask;
    }
    count(WH_COUNTER_STACK_TABLE_FULL);
    return config.no_stack_base + WH_NO_STACK_ROW(kind, process);
}

struct wh_caller {
    u64 pc;
    u64 sp;
    u64 fp;
};

// The stack of the caller, as it is when the acquiring call has returned.
WH_INLINE u32 caller_stack(const struct wh_caller* caller, struct task_struct* task, struct wh_thread* thread, u32 kind,
                           u32 process) {
    struct wh_walk walk = {
        .fp = caller->fp,
        .sp = caller->sp,
        .trampoline = trampoline_address(task),
        .frame_count = 1,
    };
    thread->frames[0] = caller->pc;
    walk.hash = mix(0, caller->pc);
    for (int i = 0; i < WH_STACK_MAX_FRAMES; i++)
        if (!walk_step(&walk, thread)) break;
    return stack_index(&walk, thread, kind, process);
}

#endif
