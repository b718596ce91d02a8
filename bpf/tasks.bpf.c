// What happens to the traced processes as a whole: exec, fork, threads, new libraries; and where a process is in the kernel.

#include "lib/resource_events.bpf.h"

#define WH_SIGSTOP 19

WH_INLINE u32 number_of_process(struct task_struct* task) {
    return number_in_our_namespace(BPF_CORE_READ(task, group_leader, thread_pid));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task) {
    u32 tgid = task->tgid;
    u32* index = bpf_map_lookup_elem(&traced_tgids, &tgid);
    if (!index) {
        if (watches_execs) notify_of(WH_RECORD_EXEC, WH_NO_PROCESS, tgid, number_of_process(task), 0);
        return 0;
    }
    u32 slot = *index;
    struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
    if (!process) return 0;
    // The old address space is gone; its probes stop matching at once, unless we waited for this exec.
    process->mm = process->flags & WH_PROCESS_ADOPT_ON_EXEC ? (u64)task->mm : 0;
    if (process->flags & WH_PROCESS_STOP_AT_EXEC) bpf_send_signal(WH_SIGSTOP);
    process->flags &= ~(WH_PROCESS_ADOPT_ON_EXEC | WH_PROCESS_STOP_AT_EXEC);
    notify_of(WH_RECORD_EXEC, slot, tgid, number_of_process(task), 0);
    return 0;
}

WH_INLINE void note_fork(u32 slot, struct task_struct* parent, struct task_struct* child) {
    u32 tgid = child->tgid, parent_tgid = parent->tgid;
    if (follows_forks) bpf_map_update_elem(&followed_tgids, &tgid, &parent_tgid, BPF_ANY);
    notify_of(WH_RECORD_FORK, slot, tgid, number_of_process(child), parent->mm == child->mm ? WH_FLAG_SHARED_MM : 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
    u32 tgid = parent->tgid;
    u32* index = bpf_map_lookup_elem(&traced_tgids, &tgid);
    if (!index) {
        if (follows_forks && tgid != (u32)child->tgid && bpf_map_lookup_elem(&followed_tgids, &tgid))
            note_fork(WH_NO_PROCESS, parent, child);
        return 0;
    }
    if (parent->tgid == child->tgid) {  // a thread
        bpf_task_storage_get(&threads, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
        u32 slot = *index;
        struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
        if (process && process->mm == (u64)parent->mm && process->flags & WH_PROCESS_THREADS) {
            if (note_created_thread(child->pid, slot)) note_joinable(child->pid, slot);
        }
        return 0;
    }
    note_fork(*index, parent, child);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
    u32 tgid = task->tgid;
    if (follows_forks && task->pid == task->tgid) bpf_map_delete_elem(&followed_tgids, &tgid);
    u32* index = bpf_map_lookup_elem(&traced_tgids, &tgid);
    if (!index) return 0;
    u32 slot = *index;
    struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
    if (process && process->flags & WH_PROCESS_THREADS)
        send_event(WH_RECORD_RELEASE, WH_KIND_THREAD, slot, task->pid, 0);
    return 0;
}

#define WH_LOADER_DELETES 2  // r_debug.r_state, RT_DELETE of <link.h>

// Libraries go between a call of the hook that says so and the next one. Tables are not to be trusted from the one until user
// space has looked at the mappings after the other.
WH_INLINE void note_loader_state(u32 slot) {
    struct wh_unwind_process* known = bpf_map_lookup_elem(&unwind_processes, &slot);
    if (!known) return;
    u32 state = WH_LOADER_DELETES;
    u64 at = known->loader_state_at;
    if (at && bpf_probe_read_user(&state, sizeof(state), (void*)at)) state = WH_LOADER_DELETES;
    bool deletes = state == WH_LOADER_DELETES;
    if (deletes || known->loader_deletes) __sync_fetch_and_add(&known->removals, 1);
    known->loader_deletes = deletes;
}

// At _dl_debug_state: the dynamic linker calls it before and after it changes its list of libraries, for debuggers.
SEC("uprobe")
int loader_changed(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = bpf_get_attach_cookie(ctx);
    struct task_struct* task = bpf_get_current_task_btf();
    if (!is_traced(cookie, task)) return 0;
    u32 slot = WH_SHAPE_GET(cookie, PROCESS);
    struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
    if (!process) return 0;
    note_loader_state(slot);
    if (process->flags & WH_PROCESS_STOP_AT_LOADER) bpf_send_signal(WH_SIGSTOP);
    notify(WH_RECORD_LOADER, slot, 0, 0);
    return 0;
}

SEC("iter/task")
int locate(struct bpf_iter__task* ctx) {
    struct task_struct* task = ctx->task;
    if (!task) return 0;
    if (number_in_our_namespace(BPF_CORE_READ(task, group_leader, thread_pid)) != locate_tgid) return 0;
    // Ahead of the first call: a probe that interrupts another one in the middle of making a state could not make its own.
    if (locate_makes_threads) bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    struct wh_located_task located = {
        .mm = (u64)task->mm,
        .exec_pages = BPF_CORE_READ(task, mm, exec_vm),
        .start_time_ns = task->group_leader->start_time,
        .tgid = task->tgid,
        .tid = task->pid,
    };
    bpf_seq_write(ctx->meta->seq, &located, sizeof(located));
    return 0;
}
