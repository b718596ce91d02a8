// What bench_probes attaches: programs that do nothing, so that the price of the probes alone can be told from a tool's own.

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__u32 seen_tgid = 0;  // of the init namespace

SEC("uprobe")
int empty(void* ctx) {
    (void)ctx;
    return 0;
}

// Tells which process the kernel takes the target for; bpftrace filters by that number.
SEC("uprobe")
int learn_tgid(void* ctx) {
    (void)ctx;
    seen_tgid = bpf_get_current_pid_tgid() >> 32;
    return 0;
}
