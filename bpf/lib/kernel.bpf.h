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
typedef __s32 s32;

#define WH_INLINE static __always_inline

// In assembly: the verifier wants each read of the context at a constant offset, and clang would merge these reads into one
// at a computed offset.
#define WH_READ_REGISTER(ctx, value, name) \
    asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"(__builtin_offsetof(struct pt_regs, name)))

// rip, rsp, rbp.
WH_INLINE void read_frame(struct pt_regs* ctx, u64 registers[3]) {
    u64 value;
    WH_READ_REGISTER(ctx, value, rip);
    registers[0] = value;
    WH_READ_REGISTER(ctx, value, rsp);
    registers[1] = value;
    WH_READ_REGISTER(ctx, value, rbp);
    registers[2] = value;
}

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
struct inode {
    u16 i_mode;
    unsigned long i_ino;
    s64 i_size;
    unsigned int i_nlink;
};
struct file {
    struct inode* f_inode;
    void* private_data;
};
struct fdtable {
    unsigned int max_fds;
    struct file** fd;
};
struct files_struct {
    struct fdtable* fdt;
};
struct net {
    struct ns_common ns;
};
typedef struct {
    struct net* net;
} possible_net_t;
struct in6_addr {
    u8 bytes[16];
};
struct sock_common {
    u32 skc_daddr;
    u32 skc_rcv_saddr;
    u16 skc_dport;  // network order
    u16 skc_num;    // host order
    unsigned short skc_family;
    volatile unsigned char skc_state;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};
typedef struct {
    int counter;
} atomic_t;
struct socket;
struct sock {
    struct sock_common __sk_common;
    struct {
        atomic_t rmem_alloc;
    } sk_backlog;
    u16 sk_type;
    u16 sk_protocol;
    u32 sk_ack_backlog;
    u32 sk_max_ack_backlog;
    struct socket* sk_socket;
};
struct socket {
    struct file* file;
    struct sock* sk;
};
struct tcp_sock {
    u32 rcv_nxt;
    u32 copied_seq;
    u32 write_seq;
    u32 snd_una;
};
struct unix_sock {
    struct sock* peer;
};
struct sched_entity {
    u64 sum_exec_runtime;
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
struct thread_struct {
    unsigned long fsbase;
};
struct task_struct {
    struct thread_struct thread;
    void* stack;
    int pid;
    int tgid;
    struct mm_struct* mm;
    struct task_struct* group_leader;
    struct pid* thread_pid;
    struct uprobe_task* utask;
    u64 start_time;
    struct files_struct* files;
    struct sched_entity se;
};
struct seq_file;
struct bpf_iter_meta {
    struct seq_file* seq;
};
struct bpf_iter__task {
    struct bpf_iter_meta* meta;
    struct task_struct* task;
};
struct bpf_iter__task_file {
    struct bpf_iter_meta* meta;
    struct task_struct* task;
    u32 fd;
    struct file* file;
};

#pragma clang attribute pop

#endif
