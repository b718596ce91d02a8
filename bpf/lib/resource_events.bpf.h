// Resources that are seen by what the kernel does and not by calls of functions: descriptors and threads. Their events travel at
// once. A lost one makes no number wrong that is held: at each report what is held is compared with the kernel's own tables.
#ifndef WHOHOLDS_LIB_RESOURCE_EVENTS_H
#define WHOHOLDS_LIB_RESOURCE_EVENTS_H

#include "lib/filter.bpf.h"
#include "lib/held.bpf.h"
#include "lib/stack.bpf.h"

static __noinline void send_resource(struct wh_record* record) {
    record->tid = (u32)bpf_get_current_pid_tgid();
    record->time_ns = bpf_ktime_get_ns();
    if (!send(record)) count(WH_COUNTER_EVENT_LOST);
}

WH_INLINE void send_event(u32 type, u32 kind, u32 process, u64 key, u32 flags) {
    struct wh_record record = {.type = type, .kind = kind, .process = process, .key = key, .flags = flags};
    send_resource(&record);
}

// Inside of pthread_create, as we are if that was seen to begin.
WH_INLINE bool is_creating_pthread(const struct wh_call* create) {
    return create->sp && WH_SHAPE_GET(create->cookie, OPERATION) == WH_OPERATION_CREATE_THREAD;
}

// A thread that this one has just created. Whether what pthread_create hands out is to be taken, too: not from here, as the stacks
// of both and of the walk are more than the 512 bytes that kernels add up before 6.4. Global: the verifier looks at it once.
__noinline int note_created_thread(u32 tid, u32 process) {
    struct task_struct* task = bpf_get_current_task_btf();
    struct wh_thread* thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!thread) {
        count(WH_COUNTER_NO_THREAD_STATE);
        return 0;
    }
    struct pt_regs* registers = (void*)bpf_task_pt_regs(task);
    read_frame(registers, thread->registers);
    read_callee_saved(registers, &thread->registers[3]);
    struct wh_call* create = &thread->calls[WH_GROUP_THREAD];
    bool is_pthread = is_creating_pthread(create);
    struct wh_record record = {.type = WH_RECORD_ACQUIRE,
                               .kind = WH_KIND_THREAD,
                               .process = process,
                               .key = tid,
                               .size = is_pthread ? create->size : 0,
                               .stack = system_call_stack(task, thread, WH_KIND_THREAD, process)};
    send_resource(&record);
    return is_pthread && !create->flags;
}

// What pthread_create hands out, taken before the new thread can run: it may detach itself before pthread_create returns. glibc has
// written the handle by then, and note_created_thread() the registers.
__noinline int note_joinable(u32 tid, u32 process) {
    struct task_struct* task = bpf_get_current_task_btf();
    struct wh_thread* thread = bpf_task_storage_get(&threads, task, 0, 0);
    if (!thread) return 0;
    struct wh_call* create = &thread->calls[WH_GROUP_THREAD];
    u64 handle = 0;
    if (bpf_probe_read_user(&handle, sizeof(handle), (void*)create->key) || !handle) {
        count(WH_COUNTER_KEY_UNREADABLE);
        return 0;
    }
    create->old_key = handle;
    u32 stack = system_call_stack(task, thread, WH_KIND_JOINABLE, process);
    put_or_spill(WH_KIND_JOINABLE, process, handle, tid, stack, bpf_ktime_get_ns());
    return 0;
}

#endif
