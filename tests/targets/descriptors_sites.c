// The call sites of descriptors_puppet for files and for what is neither file nor socket.
#include "descriptors_common.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

// The C library has it from glibc 2.36 on.
#if __has_include(<sys/pidfd.h>)
#include <sys/pidfd.h>
#define HAS_PIDFD
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static const char* temporary_path(void) {
    static char path[64];
    snprintf(path, sizeof path, "/tmp/descriptors_puppet.%d", (int)getpid());
    return path;
}

static int close_file(void* file) { return fclose(file); }
static int close_folder(void* folder) { return closedir(folder); }
static int close_program(void* program) { return pclose(program); }

// What others duplicate; open as long as the puppet lives.
enum { kPrepared = 100 };

WH_SITE void site_prepared(void) {
    int opened = track(SITE_prepared, open("/dev/zero", O_RDONLY));
    forget(kPrepared);  // inherited through an exec
    track(SITE_prepared, dup2(opened, kPrepared));
    close_tracked(opened);
}

WH_SITE void site_start(void) {}

WH_SITE void site_open(void) { track(SITE_open, open("/dev/null", O_RDONLY)); }

WH_SITE void site_openat(void) { track(SITE_openat, openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC)); }

WH_SITE void site_creat(void) {
    track(SITE_creat, creat(temporary_path(), 0600));
    unlink(temporary_path());
}

WH_SITE void site_fopen(void) {
    FILE* file = fopen("/dev/null", "r");
    track_handle(SITE_fopen, file ? fileno(file) : -1, file, close_file);
}

WH_SITE void site_opendir(void) {
    DIR* folder = opendir("/");
    track_handle(SITE_opendir, folder ? dirfd(folder) : -1, folder, close_folder);
}

WH_SITE void site_mkstemp(void) {
    char path[] = "/tmp/descriptors_puppet.XXXXXX";
    track(SITE_mkstemp, mkstemp(path));
    unlink(path);
}

WH_SITE void site_fdopen(void) {
    int descriptor = open("/dev/null", O_RDONLY);
    track_handle(SITE_fdopen, descriptor, fdopen(descriptor, "r"), close_file);
}

WH_SITE void site_popen(void) {
    FILE* program = popen("true", "r");
    track_handle(SITE_popen, program ? fileno(program) : -1, program, close_program);
#ifdef __GLIBC__
    note_closed_inside(SITE_popen, 1);  // the program's end of the pipe
#else
    note_closed_inside(SITE_popen, 3);  // and a pipe of musl's posix_spawn
#endif
}

WH_SITE void site_pipe(void) {
    int ends[2] = {-1, -1};
    if (pipe(ends) == 0) {
        track(SITE_pipe, ends[0]);
        track(SITE_pipe, ends[1]);
    }
}

WH_SITE void site_pipe2(void) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        track(SITE_pipe2, ends[0]);
        track(SITE_pipe2, ends[1]);
    }
}

WH_SITE void site_dup(void) { track(SITE_dup, dup(kPrepared)); }

WH_SITE void site_dup_socket(void) { track(SITE_dup_socket, dup(own_listener())); }

static int free_number(void) {
    int number = 5000;
    while (is_tracked(number)) number++;
    return number;
}

WH_SITE void site_dup2_free(void) {
    int number = free_number();
    track(SITE_dup2_free, dup2(kPrepared, number));
}

WH_SITE void site_dup2_over(void) {
    int old = track(SITE_dup2_over, open("/dev/null", O_RDONLY));
    forget(old);
    track(SITE_dup2_over, dup2(kPrepared, old));
}

WH_SITE void site_dup2_itself(void) {
    int number = kPrepared;
    if (dup2(number, number) != number) track(SITE_dup2_itself, -1);
}

WH_SITE void site_dup3(void) {
    int number = free_number();
    track(SITE_dup3, dup3(kPrepared, number, O_CLOEXEC));
}

WH_SITE void site_dupfd(void) { track(SITE_dupfd, fcntl(kPrepared, F_DUPFD, 200)); }

WH_SITE void site_dupfd_cloexec(void) {
    if (fcntl(kPrepared, F_GETFL) < 0) return;  // no descriptor comes of it
    track(SITE_dupfd_cloexec, fcntl(kPrepared, F_DUPFD_CLOEXEC, 300));
}

WH_SITE void site_epoll(void) { track(SITE_epoll, epoll_create1(EPOLL_CLOEXEC)); }
WH_SITE void site_eventfd(void) { track(SITE_eventfd, eventfd(1, EFD_CLOEXEC)); }
WH_SITE void site_timerfd(void) { track(SITE_timerfd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }
WH_SITE void site_inotify(void) { track(SITE_inotify, inotify_init1(IN_CLOEXEC)); }
WH_SITE void site_memfd(void) { track(SITE_memfd, memfd_create("puppet", MFD_CLOEXEC)); }

WH_SITE void site_signalfd(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR2);
    track(SITE_signalfd, signalfd(-1, &signals, SFD_CLOEXEC));
}

#ifdef HAS_PIDFD
WH_SITE void site_pidfd(void) { track(SITE_pidfd, pidfd_open(getpid(), 0)); }

WH_SITE void site_pidfd_getfd(void) {
    int self = track(SITE_pidfd_getfd, pidfd_open(getpid(), 0));
    track(SITE_pidfd_getfd, pidfd_getfd(self, own_listener(), 0));
    close_tracked(self);
}
#else
WH_SITE void site_pidfd(void) {}
WH_SITE void site_pidfd_getfd(void) {}
#endif

WH_SITE void site_pidfd_raw(void) { track(SITE_pidfd_raw, (int)syscall(SYS_pidfd_open, getpid(), 0)); }

WH_SITE void site_openat2_raw(void) {
    const struct { uint64_t flags, mode, resolve; } how = {O_RDONLY | O_CLOEXEC, 0, 0};
    track(SITE_openat2_raw, (int)syscall(SYS_openat2, AT_FDCWD, "/dev/null", &how, sizeof how));
}

static int is_refused(void) { return errno == EPERM || errno == EACCES || errno == ENOSYS || errno == ENOENT; }

WH_SITE void site_perf_event(void) {
    // A struct perf_event_attr as it was first: a software counter that counts nothing, of this thread in user space.
    const struct {
        uint32_t type, size;
        uint64_t config, period, sample, read, flags, other[2];
    } event = {1, 64, 9, 0, 0, 0, 1 << 5 | 1 << 6, {0, 0}};
    int descriptor = (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, 0);
    if (descriptor >= 0 || !is_refused()) track(SITE_perf_event, descriptor);
}

// Only some of the commands of bpf open something.
WH_SITE void site_bpf_map(void) {
    enum { kCreateMap = 0, kUpdateElement = 2 };
    const struct { uint32_t type, key_size, value_size, entries; } map = {2, 4, 8, 1};
    int descriptor = (int)syscall(SYS_bpf, kCreateMap, &map, sizeof map);
    if (descriptor < 0 && is_refused()) return;
    const uint32_t key = 0;
    const uint64_t value = 1;
    const struct {
        uint64_t map, key, value, flags;
    } update = {(uint32_t)descriptor, (uintptr_t)&key, (uintptr_t)&value, 0};
    if (syscall(SYS_bpf, kUpdateElement, &update, sizeof update) != 0) track(SITE_bpf_map, -1);
    track(SITE_bpf_map, descriptor);
}

static volatile long number_from_elsewhere = SYS_pidfd_open;

WH_SITE void site_number_raw(void) { track(SITE_number_raw, (int)syscall(number_from_elsewhere, getpid(), 0)); }

WH_SITE void site_open_fails(void) {
    if (open("/nowhere/at/all", O_RDONLY) >= 0 || close(-1) == 0 || close(9999) == 0) track(SITE_open_fails, -1);
}
