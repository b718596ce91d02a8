// What system calls did to the table of descriptors of a traced process. Seen behind the system-call instructions of its code by
// probes, or by the tracepoint: either way the arguments are still in their registers, and the result is known.

#include "lib/resource_events.bpf.h"

#define WH_F_DUPFD 0
#define WH_F_DUPFD_CLOEXEC 1030
#define WH_CLOSE_RANGE_UNSHARE 2
#define WH_CLOSE_RANGE_CLOEXEC 4
#define WH_EINTR 4
#define WH_EBADF 9
#define WH_EALREADY 114
#define WH_EINPROGRESS 115
#define WH_ERRNO_MAX 4095
#define WH_S_IFMT 0170000
#define WH_S_IFSOCK 0140000

// Offsets in struct user_msghdr, and what a control message with descriptors looks like.
#define WH_MSG_CONTROL 32
#define WH_SOL_SOCKET 1
#define WH_SCM_RIGHTS 1
#define WH_CONTROL_MESSAGES 4      // of one recvmsg; descriptors in further ones are found by comparing
#define WH_MESSAGE_DESCRIPTORS 32  // ... and of one message
struct wh_control_message {
    u64 length;
    u32 level;
    u32 type;
};

// Argument n of a system call, counted from 1; 0 for n = 0.
WH_INLINE u64 system_call_argument(struct pt_regs* ctx, u32 n) {
    u64 value = 0;
    switch (n) {
        case 1: WH_READ_REGISTER(ctx, value, rdi); break;
        case 2: WH_READ_REGISTER(ctx, value, rsi); break;
        case 3: WH_READ_REGISTER(ctx, value, rdx); break;
        case 4: WH_READ_REGISTER(ctx, value, r10); break;
        case 5: WH_READ_REGISTER(ctx, value, r8); break;
        case 6: WH_READ_REGISTER(ctx, value, r9); break;
    }
    return value;
}

WH_INLINE struct file* open_file(struct task_struct* task, u32 fd) {
    struct fdtable* table = BPF_CORE_READ(task, files, fdt);
    if (!table || fd >= BPF_CORE_READ(table, max_fds)) return 0;
    struct file** files = BPF_CORE_READ(table, fd);
    struct file* file = 0;
    bpf_probe_read_kernel(&file, sizeof(file), files + fd);
    return file;
}

// A new descriptor of the calling thread's process, whose registers are in its state. Global: the verifier looks at it once.
__noinline int note_opened(u32 fd, u32 process, u32 flags) {
    struct task_struct* task = current_task();
    struct wh_thread* thread = find_thread(task);
    if (!thread) return 0;
    struct file* file = open_file(task, fd);
    u16 mode = file ? BPF_CORE_READ(file, f_inode, i_mode) : 0;
    u32 kind = (mode & WH_S_IFMT) == WH_S_IFSOCK ? WH_KIND_SOCKET : WH_KIND_FD;
    struct wh_record record = {.type = WH_RECORD_ACQUIRE,
                               .kind = kind,
                               .process = process,
                               .key = fd,
                               .size = (u64)file,
                               .stack = system_call_stack(task, thread, kind, process),
                               .flags = flags};
    send_resource(&record);
    return 0;
}

__noinline int note_failed_connect(u32 fd, u32 process, u32 error) {
    struct task_struct* task = current_task();
    struct wh_thread* thread = find_thread(task);
    if (!thread) return 0;
    struct wh_record record = {.type = WH_RECORD_FAILED,
                               .kind = WH_KIND_SOCKET,
                               .process = process,
                               .key = fd,
                               .size = error,
                               .stack = system_call_stack(task, thread, WH_KIND_SOCKET, process)};
    send_resource(&record);
    return 0;
}

// Descriptors that came in one control message; 0: it cannot be read.
__noinline u64 note_control_message(u64 at, u32 process) {
    struct wh_control_message message = {};
    if (bpf_probe_read_user(&message, sizeof(message), (void*)at) || message.length < sizeof(message)) return 0;
    if (message.level == WH_SOL_SOCKET && message.type == WH_SCM_RIGHTS) {
        u64 descriptors = (message.length - sizeof(message)) / sizeof(u32);
        for (u32 i = 0; i < WH_MESSAGE_DESCRIPTORS && i < descriptors; i++) {
            u32 fd = 0;
            if (bpf_probe_read_user(&fd, sizeof(fd), (void*)(at + sizeof(message) + i * sizeof(fd)))) return 0;
            note_opened(fd, process, 0);
        }
    }
    return (message.length + 7) & ~7ull;
}

WH_INLINE void note_received(u64 header, u32 process) {
    struct {
        u64 at, length;
    } control = {};
    if (bpf_probe_read_user(&control, sizeof(control), (void*)(header + WH_MSG_CONTROL))) return;
    u64 done = 0;
    for (u32 i = 0; i < WH_CONTROL_MESSAGES && done + sizeof(struct wh_control_message) <= control.length; i++) {
        u64 length = note_control_message(control.at + done, process);
        if (!length) return;
        done += length;
    }
}

WH_INLINE void note_opened_two(u64 at, u32 process) {
    u32 fds[2];
    if (bpf_probe_read_user(fds, sizeof(fds), (void*)at)) {
        count(WH_COUNTER_KEY_UNREADABLE);
        return;
    }
    note_opened(fds[0], process, 0);
    note_opened(fds[1], process, 0);
}

WH_INLINE void note_closed_range(u64 first, u64 last, u64 how, u32 process) {
    if (how & WH_CLOSE_RANGE_CLOEXEC) return;
    if (how & WH_CLOSE_RANGE_UNSHARE) {
        count(WH_COUNTER_OTHER_TABLE);
        return;
    }
    struct wh_record record = {.type = WH_RECORD_RELEASE,
                               .kind = WH_KIND_FD,
                               .process = process,
                               .key = (u32)first,
                               .size = (u32)last,
                               .flags = WH_FLAG_RANGE};
    send_resource(&record);
}

// Threads may have a table of their own (unshare), and a child that shares the address space (vfork) has one.
WH_INLINE bool uses_our_table(struct task_struct* task, u32 slot) {
    struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
    if (!process || process->tgid != (u32)WH_FIELD(task, tgid)) return false;
    struct task_struct* leader = WH_FIELD(task, group_leader);
    struct files_struct* leaders = WH_FIELD(leader, files);  // null once the main thread has ended
    if (!leaders || leaders == WH_FIELD(task, files)) return true;
    count(WH_COUNTER_OTHER_TABLE);
    return false;
}

WH_INLINE void note_failed(struct pt_regs* ctx, u64 shape, u64 result, u32 operation, u32 process) {
    u32 error = -result;
    if (operation == WH_OPERATION_CLOSE && error != WH_EBADF)  // Linux closes it all the same
        send_event(WH_RECORD_RELEASE, WH_KIND_FD, process, (u32)system_call_argument(ctx, WH_SHAPE_GET(shape, KEY_ARG)),
                   0);
    if (operation == WH_OPERATION_CONNECT && error != WH_EINPROGRESS && error != WH_EALREADY && error != WH_EINTR)
        note_failed_connect(system_call_argument(ctx, WH_SHAPE_GET(shape, KEY_ARG)), process, error);
}

WH_INLINE void note_system_call(struct pt_regs* ctx, struct task_struct* task, u64 shape, u32 process, u64 result) {
    u32 operation = WH_SHAPE_GET(shape, OPERATION);
    bool failed = result > ~(u64)WH_ERRNO_MAX;
    if (operation == WH_OPERATION_CONNECT && !failed) return;
    if (failed && operation != WH_OPERATION_CLOSE && operation != WH_OPERATION_CONNECT) return;
    u64 flags = system_call_argument(ctx, WH_SHAPE_GET(shape, FLAGS_ARG));
    if (operation == WH_OPERATION_DUP_IF_ASKED && (u32)flags != WH_F_DUPFD && (u32)flags != WH_F_DUPFD_CLOEXEC) return;
    if (operation == WH_OPERATION_OPEN && WH_SHAPE_GET(shape, FLAGS_ARG) && !WH_BPF_COMMAND_OPENS((u32)flags)) return;
    if (!uses_our_table(task, process)) return;
    struct wh_thread* thread = make_thread(task);
    if (!thread) {
        count(WH_COUNTER_NO_THREAD_STATE);
        return;
    }
    read_frame(ctx, thread->registers);
    read_callee_saved(ctx, &thread->registers[3]);
    if (failed) return note_failed(ctx, shape, result, operation, process);
    u64 key = system_call_argument(ctx, WH_SHAPE_GET(shape, KEY_ARG));
    switch (operation) {
        case WH_OPERATION_OPEN:
        case WH_OPERATION_DUP_IF_ASKED: note_opened(result, process, 0); break;
        case WH_OPERATION_ACCEPT: note_opened(result, process, WH_FLAG_INCOMING); break;
        case WH_OPERATION_OPEN_TWO: note_opened_two(key, process); break;
        case WH_OPERATION_DUP_OVER:
            if (system_call_argument(ctx, 1) != result) note_opened(result, process, WH_FLAG_REPLACES);
            break;
        case WH_OPERATION_CLOSE: send_event(WH_RECORD_RELEASE, WH_KIND_FD, process, (u32)key, 0); break;
        case WH_OPERATION_CLOSE_RANGE:
            note_closed_range(key, system_call_argument(ctx, WH_SHAPE_GET(shape, SIZE_ARG)), flags, process);
            break;
        case WH_OPERATION_RECEIVE: note_received(key, process); break;
    }
}

// Behind a system-call instruction of the target's code, or behind a call of libc's syscall(): -1 is no descriptor either.
SEC("uprobe")
int system_call_returned(struct pt_regs* ctx) {
    WH_KEEP_OWN_STACK(ctx);
    u64 cookie = cookie_of(ctx);
    struct task_struct* task = current_task();
    if (!is_traced(cookie, task)) return 0;
    count_hit(cookie);
    u64 result = PT_REGS_RC(ctx);
    note_system_call(ctx, task, cookie, WH_SHAPE_GET(cookie, PROCESS), result);
    return 0;
}

// Attached only while there is a process whose system calls cannot be probed: every system call of every process comes here.
SEC("tp_btf/sys_exit")
int BPF_PROG(on_system_call, struct pt_regs* registers, long result) {
    u64 number = registers->orig_rax;
    if (number >= WH_SYSTEM_CALLS) return 0;
    u64 shape = system_call_shapes[number];
    if (!shape) return 0;
    struct task_struct* task = current_task();
    u32 tgid = WH_FIELD(task, tgid);
    u32* index = bpf_map_lookup_elem(&traced_tgids, &tgid);
    if (!index) return 0;
    u32 slot = *index;
    struct wh_process* process = bpf_map_lookup_elem(&processes, &slot);
    if (!process || !(process->flags & WH_PROCESS_SYSTEM_CALLS) || process->mm != (u64)WH_FIELD(task, mm)) return 0;
    count_hit(WH_SHAPE_PUT(PROBE, WH_TRACEPOINT_PROBE));
    note_system_call(registers, task, shape, slot, result);
    return 0;
}

// Asked of the iterators: the process, as a tgid of the init namespace.
__u32 list_tgid = 0;

WH_INLINE void describe_tcp(struct sock* sk, struct wh_seen_descriptor* seen) {
    struct tcp_sock* tcp = (void*)sk;
    if (seen->state == 10) {  // TCP_LISTEN
        seen->receive_bytes = BPF_CORE_READ(sk, sk_ack_backlog);
        seen->send_bytes = BPF_CORE_READ(sk, sk_max_ack_backlog);
        return;
    }
    u32 unread = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);
    u32 unacknowledged = BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_una);
    seen->receive_bytes = (s32)unread > 0 ? unread : 0;
    seen->send_bytes = (s32)unacknowledged > 0 ? unacknowledged : 0;
}

WH_INLINE void describe_socket(struct sock* sk, struct wh_seen_descriptor* seen) {
    seen->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    seen->state = BPF_CORE_READ(sk, __sk_common.skc_state);
    seen->type = BPF_CORE_READ(sk, sk_type);
    seen->protocol = BPF_CORE_READ(sk, sk_protocol);
    seen->net_inode = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    if (seen->family == 1) {  // AF_UNIX
        struct unix_sock* one = (void*)sk;
        seen->peer_inode = BPF_CORE_READ(one, peer, sk_socket, file, f_inode, i_ino);
        if (seen->state == 10) {
            seen->receive_bytes = BPF_CORE_READ(sk, sk_ack_backlog);
            seen->send_bytes = BPF_CORE_READ(sk, sk_max_ack_backlog);
        }
        return;
    }
    if (seen->family != 2 && seen->family != 10) return;  // AF_INET, AF_INET6
    seen->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
    seen->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
    if (seen->family == 2) {
        BPF_CORE_READ_INTO((u32*)seen->local_address, sk, __sk_common.skc_rcv_saddr);
        BPF_CORE_READ_INTO((u32*)seen->remote_address, sk, __sk_common.skc_daddr);
    } else {
        BPF_CORE_READ_INTO((struct in6_addr*)seen->local_address, sk, __sk_common.skc_v6_rcv_saddr);
        BPF_CORE_READ_INTO((struct in6_addr*)seen->remote_address, sk, __sk_common.skc_v6_daddr);
    }
    if (seen->protocol == 6)  // IPPROTO_TCP
        describe_tcp(sk, seen);
    else
        seen->receive_bytes = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
}

SEC("iter/task_file")
int list_descriptors(struct bpf_iter__task_file* ctx) {
    struct task_struct* task = ctx->task;
    struct file* file = ctx->file;
    // Threads that share the main thread's table are not listed by the kernel; those with another one are not of interest.
    if (!task || !file || task->tgid != (int)list_tgid) return 0;
    if (task != task->group_leader && task->files != task->group_leader->files && task->group_leader->files) return 0;
    struct wh_seen_descriptor seen = {
        .file = (u64)file,
        .seen_ns = bpf_ktime_get_ns(),
        .inode = BPF_CORE_READ(file, f_inode, i_ino),
        .size = BPF_CORE_READ(file, f_inode, i_size),
        .fd = ctx->fd,
        .links = BPF_CORE_READ(file, f_inode, i_nlink),
        .mode = BPF_CORE_READ(file, f_inode, i_mode),
    };
    if ((seen.mode & WH_S_IFMT) == WH_S_IFSOCK) {
        struct socket* socket = socket_of(file);
        struct sock* sk = socket ? BPF_CORE_READ(socket, sk) : 0;
        if (sk) describe_socket(sk, &seen);
    }
    bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
    return 0;
}

SEC("iter/task")
int list_threads(struct bpf_iter__task* ctx) {
    struct task_struct* task = ctx->task;
    if (!task || task->tgid != (int)list_tgid) return 0;
    struct wh_seen_thread seen = {
        .seen_ns = bpf_ktime_get_ns(),
        .start_time_ns = task->start_time,
        .cpu_ns = BPF_CORE_READ(task, se.sum_exec_runtime),
        .tid = task->pid,
        .our_tid = number_in_our_namespace(BPF_CORE_READ(task, thread_pid)),
    };
    bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
    return 0;
}
