// What bench_stacks attaches to malloc: nothing, the kernel's own stack (frame pointers), and the walk of whoholds, each up to
// a number for the stack. All at the same place: at the entry, behind words already pushed.

#include "lib/filter.bpf.h"
#include "lib/stack.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 pushed_words = 0;
__u64 stacks_seen = 0;
__u64 frames_seen = 0;
__u64 complete_seen = 0;
__u64 last_stack = 0;

struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(max_entries, 16384);
    __uint(key_size, 4);
    __uint(value_size, 127 * 8);
} kernel_stacks SEC(".maps");

SEC("uprobe")
int empty(struct pt_regs* ctx) {
    (void)ctx;
    return 0;
}

SEC("uprobe")
int kernel_stack(struct pt_regs* ctx) {
    last_stack = bpf_get_stackid(ctx, &kernel_stacks, BPF_F_USER_STACK);
    return 0;
}

__u64 known_pc = 0;  // of malloc's only caller; at a return, where whoholds takes stacks, it is in a register

WH_INLINE u32 stack_at_entry(struct pt_regs* ctx, bool look) {
    struct task_struct* task = bpf_get_current_task_btf();
    struct wh_thread* thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!thread) return 0;
    struct wh_caller caller;
    u64 sp;
    WH_READ_REGISTER(ctx, sp, rsp);
    WH_READ_REGISTER(ctx, caller.fp, rbp);
    sp += 8 * pushed_words;
    caller.sp = sp + 8;
    caller.pc = known_pc;
    if (look) {
        if (bpf_probe_read_user(&caller.pc, sizeof(caller.pc), (void*)sp)) return 0;
        known_pc = caller.pc;
    }
    u32 stack = caller_stack(ctx, &caller, task, thread, WH_KIND_HEAP, 0);
    if (look) {
        stacks_seen++;
        frames_seen += thread->record.frame_count;
        complete_seen += thread->record.status == WH_STACK_DONE;
    }
    return stack;
}

SEC("uprobe")
int whoholds_stack(struct pt_regs* ctx) {
    last_stack = stack_at_entry(ctx, false);
    return 0;
}

// Once before the measurement: what the walk finds.
SEC("uprobe")
int look_at_stack(struct pt_regs* ctx) {
    last_stack = stack_at_entry(ctx, true);
    return 0;
}
