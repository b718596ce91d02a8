#include "runtime/native/system_calls.h"

#include <sys/syscall.h>

#include <array>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

constexpr uint64_t system_call(CallShape shape) {
    shape.kind = WH_KIND_FD;
    shape.success = WH_SUCCESS_ALWAYS;
    return pack(shape);
}

constexpr uint64_t kOpen = system_call({.operation = WH_OPERATION_OPEN});
constexpr uint64_t kOpenByCommand = system_call({.operation = WH_OPERATION_OPEN, .flags_arg = 1});
constexpr uint64_t kAccept = system_call({.operation = WH_OPERATION_ACCEPT});
constexpr uint64_t kDupOver = system_call({.operation = WH_OPERATION_DUP_OVER});
constexpr uint64_t kDupIfAsked = system_call({.operation = WH_OPERATION_DUP_IF_ASKED, .flags_arg = 2});
constexpr uint64_t kClose = system_call({.operation = WH_OPERATION_CLOSE, .key_arg = 1});
constexpr uint64_t kCloseRange =
    system_call({.operation = WH_OPERATION_CLOSE_RANGE, .size_arg = 2, .key_arg = 1, .flags_arg = 3});
constexpr uint64_t kReceive = system_call({.operation = WH_OPERATION_RECEIVE, .key_arg = 2, .key_indirect = true});
constexpr uint64_t kConnect = system_call({.operation = WH_OPERATION_CONNECT, .key_arg = 1});

constexpr uint64_t open_two(unsigned key_arg) {
    return system_call({.operation = WH_OPERATION_OPEN_TWO, .key_arg = key_arg, .key_indirect = true});
}

// Not here, since their result is a descriptor for few of their commands only, and shapes tell only those of bpf apart:
//   ioctl, prctl, seccomp, keyctl
// Nor what hands over descriptors by another way than its result: io_uring's own operations, recvmmsg, clone with
// CLONE_PIDFD. What comes by these is found when what is held is compared with the kernel's own table.
constexpr auto kSystemCalls = std::to_array<SystemCall>({
    {"open", SYS_open, kOpen},
    {"close", SYS_close, kClose},
    {"pipe", SYS_pipe, open_two(1)},
    {"dup", SYS_dup, kOpen},
    {"dup2", SYS_dup2, kDupOver},
    {"socket", SYS_socket, kOpen},
    {"connect", SYS_connect, kConnect},
    {"accept", SYS_accept, kAccept},
    {"recvmsg", SYS_recvmsg, kReceive},
    {"socketpair", SYS_socketpair, open_two(4)},
    {"fcntl", SYS_fcntl, kDupIfAsked},
    {"creat", SYS_creat, kOpen},
    {"epoll_create", SYS_epoll_create, kOpen},
    {"mq_open", SYS_mq_open, kOpen},
    {"inotify_init", SYS_inotify_init, kOpen},
    {"openat", SYS_openat, kOpen},
    // With a descriptor as first argument signalfd changes that one and returns it: it is opened once more, by the same stack or
    // another; whoever keeps the books takes an open of a number that is held for what it is.
    {"signalfd", SYS_signalfd, kOpen},
    {"timerfd_create", SYS_timerfd_create, kOpen},
    {"eventfd", SYS_eventfd, kOpen},
    {"accept4", SYS_accept4, kAccept},
    {"signalfd4", SYS_signalfd4, kOpen},
    {"eventfd2", SYS_eventfd2, kOpen},
    {"epoll_create1", SYS_epoll_create1, kOpen},
    {"dup3", SYS_dup3, kDupOver},
    {"pipe2", SYS_pipe2, open_two(1)},
    {"inotify_init1", SYS_inotify_init1, kOpen},
    {"perf_event_open", SYS_perf_event_open, kOpen},
    {"fanotify_init", SYS_fanotify_init, kOpen},
    {"open_by_handle_at", SYS_open_by_handle_at, kOpen},
    {"memfd_create", SYS_memfd_create, kOpen},
    {"bpf", SYS_bpf, kOpenByCommand},
    {"userfaultfd", SYS_userfaultfd, kOpen},
    {"io_uring_setup", SYS_io_uring_setup, kOpen},
    {"open_tree", SYS_open_tree, kOpen},
    {"fsopen", SYS_fsopen, kOpen},
    {"fsmount", SYS_fsmount, kOpen},
    {"fspick", SYS_fspick, kOpen},
    {"pidfd_open", SYS_pidfd_open, kOpen},
    {"close_range", SYS_close_range, kCloseRange},
    {"openat2", SYS_openat2, kOpen},
    {"pidfd_getfd", SYS_pidfd_getfd, kOpen},
    {"landlock_create_ruleset", SYS_landlock_create_ruleset, kOpen},
    {"memfd_secret", SYS_memfd_secret, kOpen},
});

constexpr bool every_row_is_valid() {
    for (const SystemCall& row : kSystemCalls) {
        const CallShape shape = unpack(row.shape);
        if (!is_valid(shape) || !is_system_call(shape) || pack(shape) != row.shape) return false;
        if (shape.kind != WH_KIND_FD || shape.pushed_words != 0 || shape.probe != 0 || shape.process != 0) return false;
        if (row.number >= kSystemCallLimit || row.name.empty()) return false;
    }
    return true;
}
static_assert(every_row_is_valid());

constexpr bool every_row_is_unique() {
    for (size_t i = 0; i < kSystemCalls.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            if (kSystemCalls[i].number == kSystemCalls[j].number || kSystemCalls[i].name == kSystemCalls[j].name)
                return false;
        }
    }
    return true;
}
static_assert(every_row_is_unique());

// Position in the table + 1, 0: no row.
constexpr std::array<uint8_t, kSystemCallLimit> make_index() {
    static_assert(kSystemCalls.size() < UINT8_MAX);
    std::array<uint8_t, kSystemCallLimit> index{};
    for (size_t i = 0; i < kSystemCalls.size(); ++i) index[kSystemCalls[i].number] = static_cast<uint8_t>(i + 1);
    return index;
}
constexpr std::array<uint8_t, kSystemCallLimit> kIndex = make_index();

}  // namespace

std::span<const SystemCall> system_calls() { return kSystemCalls; }

const SystemCall* find_system_call(uint32_t number) {
    if (number >= kSystemCallLimit || kIndex[number] == 0) return nullptr;
    return &kSystemCalls[kIndex[number] - size_t{1}];
}

}  // namespace whoholds
