// The product's programs, and one more: it walks the stack with the product's own code and sends the result of every single event.

#include "whoholds.bpf.c"

#include "tests/stacks/check.h"

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} events SEC(".maps");

__u64 check_lost = 0;  // events for which there was no room
__u64 check_seen = 0;
__u32 check_is_open = 0;  // the gate

#define CHECK_MISSING_PAGES 3

// Passes over pages that were never touched: large arrays leave such. Returns the end of what was copied.
WH_INLINE u32 copy_stack(u8* slice, u64 sp, u32 capacity) {
    u32 bytes = 0, copied = 0, missing = 0;
    for (u32 page = 0; page <= CHECK_HUGE_SLICE / CHECK_PAGE; page++) {
        u32 length = page ? CHECK_PAGE : CHECK_PAGE - (sp & (CHECK_PAGE - 1));
        if (bytes > capacity || length > CHECK_PAGE) break;
        if (!bpf_probe_read_user(slice + bytes, length, (void*)(sp + bytes)))
            copied = bytes + length;
        else if (++missing > CHECK_MISSING_PAGES)
            break;
        bytes += length;
    }
    return copied;
}

__noinline int check_returns(struct check_event* event) {
    if (!event) return 0;
    struct task_struct* task = bpf_get_current_task_btf();
    struct return_instance* instance = BPF_CORE_READ(task, utask, return_instances);
    for (u32 i = 0; i < WH_SNAPSHOT_RETURNS; i++) {
        bool is_true = instance && !BPF_CORE_READ(instance, chained);
        event->returns[i].place = is_true ? BPF_CORE_READ(instance, stack) : 0;
        event->returns[i].address = is_true ? BPF_CORE_READ(instance, orig_ret_vaddr) : 0;
        if (instance) instance = BPF_CORE_READ(instance, next);
    }
    return 0;
}

WH_INLINE void send_checked(struct pt_regs* ctx, struct wh_walk* walk, struct wh_thread* thread, u32 capacity) {
    struct check_event* event = bpf_ringbuf_reserve(&events, sizeof(*event) + capacity + CHECK_PAGE, 0);
    if (!event) {
        __sync_fetch_and_add(&check_lost, 1);
        return;
    }
    u64 sp, value;
    WH_READ_REGISTER(ctx, value, rip);
    event->registers[0] = value;
    WH_READ_REGISTER(ctx, sp, rsp);
    event->registers[1] = sp;
    WH_READ_REGISTER(ctx, value, rbp);
    event->registers[2] = value;
    read_callee_saved(ctx, &event->registers[3]);
    event->tid = (u32)bpf_get_current_pid_tgid();
    event->status = walk->status;
    event->frame_count = walk->frame_count;
    check_returns(event);
    bpf_probe_read_kernel(event->frames, sizeof(event->frames), thread->record.frames);
    event->slice_bytes = copy_stack(event->slice, sp, capacity);
    bpf_ringbuf_submit(event, 0);
}

// At the return of an allocating function, as call_return is.
SEC("uprobe")
int check_return(struct pt_regs* ctx) {
    u64 cookie = bpf_get_attach_cookie(ctx);
    struct task_struct* task = bpf_get_current_task_btf();
    if (!check_is_open || !is_traced(cookie, task)) return 0;
    struct wh_thread* thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!thread) return 0;
    __sync_fetch_and_add(&check_seen, 1);
    struct wh_walk walk = {};
    u64 value;
    WH_READ_REGISTER(ctx, value, rip);
    walk.pc = value;
    WH_READ_REGISTER(ctx, value, rsp);
    walk.sp = value;
    u64 sp = value;
    WH_READ_REGISTER(ctx, value, rbp);
    walk.fp = value;
    u32 process = WH_SHAPE_GET(cookie, PROCESS);
    bool has_news = false;
    walk_stack(&walk, thread, task, process, &has_news);
    if (has_news) tell_of_mappings(process);
    // The other unwinder gets memory beyond what this walk read, so that it can disagree.
    u64 span = walk.status == WH_STACK_DONE ? walk.sp - sp : CHECK_LARGE_SLICE;
    if (span < CHECK_SMALL_SLICE - 512)
        send_checked(ctx, &walk, thread, CHECK_SMALL_SLICE);
    else if (span < CHECK_MIDDLE_SLICE - 1024)
        send_checked(ctx, &walk, thread, CHECK_MIDDLE_SLICE);
    else if (span < CHECK_LARGE_SLICE - 1024 || walk.status != WH_STACK_DONE)
        send_checked(ctx, &walk, thread, CHECK_LARGE_SLICE);
    else
        send_checked(ctx, &walk, thread, CHECK_HUGE_SLICE);
    return 0;
}

// A stranger's return probe on an outer frame.
SEC("uprobe")
int check_stranger(struct pt_regs* ctx) { return 0; }
