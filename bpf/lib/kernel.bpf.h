// The few kernel types and fields that we read; the loader relocates them against the running kernel's BTF.
#ifndef WHOHOLDS_LIB_KERNEL_H
#define WHOHOLDS_LIB_KERNEL_H

#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;
typedef __s64 s64;

#define WH_INLINE static __always_inline

// In assembly: the verifier wants each read of the context at a constant offset, and clang would merge these reads into one
// at a computed offset.
#define WH_READ_REGISTER(ctx, value, name) \
    asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, name)))

// rbx, r12, r13, r14, r15: what a function leaves as it was, besides rsp and rbp.
WH_INLINE void read_callee_saved(struct pt_regs* ctx, u64 registers[5]) {
    u64 value;
    WH_READ_REGISTER(ctx, value, rbx);
    registers[0] = value;
    WH_READ_REGISTER(ctx, value, r12);
    registers[1] = value;
    WH_READ_REGISTER(ctx, value, r13);
    registers[2] = value;
    WH_READ_REGISTER(ctx, value, r14);
    registers[3] = value;
    WH_READ_REGISTER(ctx, value, r15);
    registers[4] = value;
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
    unsigned int inum;
};
struct pid_namespace {
    struct ns_common ns;
};
struct upid {
    int nr;
    struct pid_namespace* ns;
};
struct pid {
    unsigned int level;
    struct upid numbers[1];
};
struct xol_area {
    unsigned long vaddr;
};
struct uprobes_state {
    struct xol_area* xol_area;
};
struct mm_struct {
    unsigned long exec_vm;
    struct uprobes_state uprobes_state;
};
struct return_instance {
    unsigned long stack;
    unsigned long orig_ret_vaddr;
    _Bool chained;
    struct return_instance* next;
};
struct uprobe_task {
    struct return_instance* return_instances;
};
struct task_struct {
    int pid;
    int tgid;
    struct mm_struct* mm;
    struct task_struct* group_leader;
    struct pid* thread_pid;
    struct uprobe_task* utask;
    u64 start_time;
};
struct seq_file;
struct bpf_iter_meta {
    struct seq_file* seq;
};
struct bpf_iter__task {
    struct bpf_iter_meta* meta;
    struct task_struct* task;
};

#pragma clang attribute pop

#endif
