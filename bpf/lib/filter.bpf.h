// Which hits are ours. A probe's cookie names the process it was attached for; the kernel's own pid filter is never trusted
// alone (perf uretprobes leak other processes' hits up to 6.12), so the address space is compared here.
#ifndef WHOHOLDS_LIB_FILTER_H
#define WHOHOLDS_LIB_FILTER_H

#include "lib/maps.bpf.h"

WH_INLINE bool is_traced(u64 cookie, struct task_struct* task) {
    u32 index = WH_SHAPE_GET(cookie, PROCESS);
    struct wh_process* process = bpf_map_lookup_elem(&processes, &index);
    if (!process) return false;
    u64 mm = *(volatile u64*)&process->mm;
    if (!mm) return false;
    if (mm == (u64)WH_FIELD(task, mm)) return true;
    count(WH_COUNTER_OTHER_PROCESS);
    return false;
}

// The number of a pid in the tool's PID namespace; 0 if it is not visible there. bpf_get_ns_current_pid_tgid() would fail
// whenever the tool's namespace is not exactly the task's own.
WH_INLINE u32 number_in_our_namespace(struct pid* pid) {
    u32 level = BPF_CORE_READ(pid, level);
    for (u32 i = 0; i < 8; i++) {
        if (i > level) break;
        struct upid* upid =
            (void*)pid + bpf_core_field_offset(struct pid, numbers) + i * bpf_core_type_size(struct upid);
        struct pid_namespace* ns = BPF_CORE_READ(upid, ns);
        if (BPF_CORE_READ(ns, ns.inum) == (u32)config.pid_namespace_inode) return BPF_CORE_READ(upid, nr);
    }
    return 0;
}

#endif
