// Descriptors across fork, vfork, exec, posix_spawn, tables of a thread's own and threads that die in a call.
//   fork_closes            the child closes all that it inherited and opens its own
//   vfork_closes           likewise, in the memory of its parent
//   spawn                  a program is started with actions on descriptors
//   close_ranges           closes eight of ten by one call, and nothing by two more
//   exec                   executes itself, with two that stay and three that do not
//   unshare                a thread with a table of its own closes all there and waits; unshare_end ends it
//   die_in_accept COUNT    so many threads, one after the other, are cancelled while they accept
//   exit                   ends without closing anything
#include "descriptors_common.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { kChildOpens = 5, kLastClosed = 5200 };

static void answer_child(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    puppet_answer(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "DONE" : "FAIL child status %d", status);
}

static void close_everything(void) {
    for (int descriptor = 0; descriptor < kLastClosed; descriptor++) close(descriptor);
}

WH_SITE void site_vforked(void) {
    volatile int opened = open("/dev/null", O_RDONLY);
    (void)opened;
}

static void run_fork_closes(const char* arguments) {
    (void)arguments;
    pid_t child = fork();
    if (child == 0) {
        close_everything();
        for (int i = 0; i < kChildOpens; i++) site_vforked();
        _exit(0);
    }
    answer_child(child);
}

static void run_vfork_closes(const char* arguments) {
    (void)arguments;
    pid_t child = vfork();
    if (child == 0) {
        close_everything();
        for (int i = 0; i < kChildOpens; i++) site_vforked();
        _exit(0);
    }
    answer_child(child);
}

static void run_spawn(const char* arguments) {
    (void)arguments;
    extern char** environ;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, own_listener());
    char* program[] = {"true", NULL};
    pid_t child = -1;
    const int failure = posix_spawnp(&child, "true", &actions, NULL, program, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure) return puppet_answer("FAIL posix_spawnp: %s", strerror(failure));
    answer_child(child);
}

static int close_range_of(unsigned first, unsigned last) {
#ifdef CLOSE_RANGE_CLOEXEC  // <unistd.h> declares the function
    return close_range(first, last, 0);
#else
    return (int)syscall(SYS_close_range, first, last, 0);
#endif
}

enum { kRangeStart = 6000, kRangeSize = 20 };

// Every second number of the range.
WH_SITE void site_close_range(void) {
    for (int number = kRangeStart; number < kRangeStart + kRangeSize; number += 2) {
        track(SITE_close_range, fcntl(own_listener(), F_DUPFD_CLOEXEC, number));
    }
}

static void run_close_ranges(const char* arguments) {
    (void)arguments;
    site_close_range();
    // Two stay: the first and the last.
    const unsigned first = kRangeStart + 1;
    const unsigned last = kRangeStart + kRangeSize - 3;
    for (unsigned number = first; number <= last; number++) forget((int)number);
    const int failed = close_range_of(first, last) | close_range_of(first, last) | close_range_of(7000, ~0U);
    puppet_answer(failed ? "FAIL close_range" : "DONE");
}

WH_SITE void site_before_exec(void) { track(SITE_before_exec, open("/dev/null", O_RDONLY)); }
WH_SITE void site_before_exec_cloexec(void) {
    track(SITE_before_exec_cloexec, open("/dev/zero", O_RDONLY | O_CLOEXEC));
}

static void run_exec(const char* arguments) {
    (void)arguments;
    for (int i = 0; i < 2; i++) site_before_exec();
    for (int i = 0; i < 3; i++) site_before_exec_cloexec();
    execl("/proc/self/exe", "descriptors_puppet", "executed", (char*)NULL);
    puppet_answer("FAIL exec: %s", strerror(errno));
}

static pthread_t unshared_thread;
static pthread_mutex_t unshared_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t unshared_changed = PTHREAD_COND_INITIALIZER;
static int unshared_is_ready;
static int unshared_may_end;

WH_SITE void site_unshared(void) {
    volatile int opened = open("/dev/null", O_RDONLY);
    (void)opened;
}

static void* live_with_own_table(void* ignored) {
    (void)ignored;
    const int failed = unshare(CLONE_FILES);
    if (!failed) {
        close_everything();
        for (int i = 0; i < kChildOpens; i++) site_unshared();
    }
    pthread_mutex_lock(&unshared_mutex);
    unshared_is_ready = failed ? -1 : 1;
    pthread_cond_signal(&unshared_changed);
    while (!unshared_may_end) pthread_cond_wait(&unshared_changed, &unshared_mutex);
    pthread_mutex_unlock(&unshared_mutex);
    return NULL;
}

static void run_unshare(const char* arguments) {
    (void)arguments;
    pthread_create(&unshared_thread, NULL, live_with_own_table, NULL);
    pthread_mutex_lock(&unshared_mutex);
    while (!unshared_is_ready) pthread_cond_wait(&unshared_changed, &unshared_mutex);
    pthread_mutex_unlock(&unshared_mutex);
    puppet_answer(unshared_is_ready > 0 ? "DONE" : "FAIL unshare");
}

static void run_unshare_end(const char* arguments) {
    (void)arguments;
    pthread_mutex_lock(&unshared_mutex);
    unshared_may_end = 1;
    pthread_cond_signal(&unshared_changed);
    pthread_mutex_unlock(&unshared_mutex);
    pthread_join(unshared_thread, NULL);
    puppet_answer("DONE");
}

WH_SITE void site_cancelled(void) {
    volatile int accepted = accept4(own_listener(), NULL, NULL, 0);
    (void)accepted;
}

static void* accept_for_ever(void* ready) {
    pthread_barrier_wait(ready);
    site_cancelled();
    return NULL;
}

// Whether it is cancelled in front of the call or in the midst of it does not matter to the numbers.
static void run_die_in_accept(const char* arguments) {
    for (int i = 0; i < atoi(arguments); i++) {
        pthread_barrier_t ready;
        pthread_barrier_init(&ready, NULL, 2);
        pthread_t thread;
        pthread_create(&thread, NULL, accept_for_ever, &ready);
        pthread_barrier_wait(&ready);
        if (i % 2) sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        pthread_barrier_destroy(&ready);
    }
    puppet_answer("DONE");
}

static void run_exit(const char* arguments) { _exit(atoi(arguments)); }

const struct descriptor_command kProcessCommands[] = {
    {"fork_closes", run_fork_closes},
    {"vfork_closes", run_vfork_closes},
    {"spawn", run_spawn},
    {"close_ranges", run_close_ranges},
    {"exec", run_exec},
    {"unshare", run_unshare},
    {"unshare_end", run_unshare_end},
    {"die_in_accept", run_die_in_accept},
    {"exit", run_exit},
    {NULL, NULL},
};
