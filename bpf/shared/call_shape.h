// The shape of a call: where size, key and success are found in it. It fits the 8 bytes of a uprobe's
// bpf_cookie, so a new allocator is a row in a table and no BPF code. Included by BPF C and by C++.
//
//   bits  0..3   operation     what the call does to the resource (wh_operation)
//   bits  4..8   kind          wh_resource_kind
//   bits  9..11  size argument 0: none (size 1), else 1-based argument number
//   bits 12..14  size factor   0: none, else 1-based argument number; size = product of both
//   bits 15..17  key argument  0: the return value, else 1-based argument number
//   bit  18      key is behind the pointer in the key argument (posix_memalign)
//   bits 19..21  old key       0: none, else 1-based argument number (realloc, mremap)
//   bits 22..24  old size      0: none, else 1-based argument number (mremap)
//   bits 25..26  success       wh_success: which return values mean that the call succeeded
//   bits 27..29  flags argument 0: none, else 1-based argument number (mmap, mremap)
//   bits 30..33  words already pushed where the probe sits (stack pointer = entry - 8 * this)
//   bit  34      the return is seen by probes on the function's ret instructions, not by a return probe: a C++ exception may
//                pass through the call, and the C++ runtime ends a process whose return address a return probe has replaced
//   bits 35..47  probe         index into the table of probes (hit counters)
//   bits 48..63  process       index into the table of processes
#ifndef WHOHOLDS_SHARED_CALL_SHAPE_H
#define WHOHOLDS_SHARED_CALL_SHAPE_H

enum wh_operation {
    WH_OPERATION_NONE = 0,
    WH_OPERATION_ACQUIRE = 1,      // malloc, mmap: recorded at return
    WH_OPERATION_REACQUIRE = 2,    // realloc, mremap: old one tentatively released at entry
    WH_OPERATION_RESIZE = 3,       // xallocx: same key, the new size is what the call returns
    WH_OPERATION_RELEASE = 4,      // free: recorded at entry, cannot fail
    WH_OPERATION_TRY_RELEASE = 5,  // munmap: released at entry, restored if the call fails
    WH_OPERATION_CREATE_THREAD =
        6,  // pthread_create: acquired at return unless it is created detached; its size is the thread
    // System calls, seen when they have returned; arguments are numbered as the kernel takes them.
    WH_OPERATION_OPEN = 8,           // the result is a new descriptor; flags argument: bpf's command, if that opens
    WH_OPERATION_ACCEPT = 9,         // likewise, an incoming connection
    WH_OPERATION_OPEN_TWO = 10,      // two descriptors behind the key argument: pipe, socketpair
    WH_OPERATION_DUP_IF_ASKED = 11,  // fcntl: a new descriptor if the flags argument is F_DUPFD or F_DUPFD_CLOEXEC
    WH_OPERATION_DUP_OVER = 12,      // dup2, dup3: the result replaces what was there
    WH_OPERATION_CLOSE = 13,         // of the key argument, also when it fails, except with EBADF
    WH_OPERATION_CLOSE_RANGE = 14,   // from the key argument to the size argument
    WH_OPERATION_RECEIVE = 15,       // recvmsg: descriptors in the control messages behind the key argument
    WH_OPERATION_CONNECT = 7,        // a failure is noted
};

enum wh_success {
    WH_SUCCESS_NOT_ZERO = 0,       // pointers
    WH_SUCCESS_NOT_MINUS_ONE = 1,  // mmap, descriptors
    WH_SUCCESS_ZERO = 2,           // posix_memalign, munmap
    WH_SUCCESS_ALWAYS = 3,         // releases; of system calls: the result is not an error number
};

#define WH_SHAPE_FIELD(name, shift, bits) \
    WH_SHAPE_##name##_SHIFT = (shift), WH_SHAPE_##name##_BITS = (bits), WH_SHAPE_##name##_MAX = (1 << (bits)) - 1

enum wh_shape_field {
    WH_SHAPE_FIELD(OPERATION, 0, 4),
    WH_SHAPE_FIELD(KIND, 4, 5),
    WH_SHAPE_FIELD(SIZE_ARG, 9, 3),
    WH_SHAPE_FIELD(SIZE_FACTOR_ARG, 12, 3),
    WH_SHAPE_FIELD(KEY_ARG, 15, 3),
    WH_SHAPE_FIELD(KEY_INDIRECT, 18, 1),
    WH_SHAPE_FIELD(OLD_KEY_ARG, 19, 3),
    WH_SHAPE_FIELD(OLD_SIZE_ARG, 22, 3),
    WH_SHAPE_FIELD(SUCCESS, 25, 2),
    WH_SHAPE_FIELD(FLAGS_ARG, 27, 3),
    WH_SHAPE_FIELD(PUSHED_WORDS, 30, 4),
    WH_SHAPE_FIELD(BY_RET, 34, 1),
    WH_SHAPE_FIELD(PROBE, 35, 13),
    WH_SHAPE_FIELD(PROCESS, 48, 16),
};

// The commands of bpf(2) whose result is a new descriptor, a bit each: BPF_MAP_CREATE, PROG_LOAD, OBJ_GET, PROG_GET_FD_BY_ID,
// MAP_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD, BTF_GET_FD_BY_ID, LINK_CREATE, LINK_GET_FD_BY_ID, ENABLE_STATS, ITER_CREATE and
// TOKEN_CREATE. The numbers are a part of the kernel's interface, which headers older than the running kernel do not all have.
#define WH_BPF_OPENING_COMMANDS                                                                                        \
    (1ull << 0 | 1ull << 5 | 1ull << 7 | 1ull << 13 | 1ull << 14 | 1ull << 17 | 1ull << 18 | 1ull << 19 | 1ull << 28 | \
     1ull << 30 | 1ull << 32 | 1ull << 33 | 1ull << 36)
#define WH_BPF_COMMAND_OPENS(command) ((command) < 64 && (WH_BPF_OPENING_COMMANDS >> (command)) % 2 != 0)

#define WH_SHAPE_GET(shape, name) (((shape) >> WH_SHAPE_##name##_SHIFT) & (unsigned long long)WH_SHAPE_##name##_MAX)
#define WH_SHAPE_PUT(name, value) \
    (((unsigned long long)(value) & (unsigned long long)WH_SHAPE_##name##_MAX) << WH_SHAPE_##name##_SHIFT)

#endif
