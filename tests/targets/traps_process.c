// fork, vfork, clone, exec, threads, names and seccomp filters.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "traps_common.h"

// musl-tools come without the kernel's headers.
#if __has_include(<linux/filter.h>)
#include <linux/filter.h>
#include <linux/seccomp.h>
#define TRAPS_SECCOMP
#endif

static WH_SITE void* trap_parent_malloc(size_t size) {
    void* block = malloc(size);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_child_malloc(size_t size) {
    void* block = malloc(size);
    WH_KEEP(block);
    return block;
}

static void answer_child(pid_t child) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    puppet_answer(WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "DONE" : "FAIL child status %d", status);
}

// The child frees what it inherited and takes blocks of its own; the parent keeps its block of 1201 bytes.
static void run_fork(const char* arguments) {
    (void)arguments;
    void* inherited = trap_parent_malloc(1201);
    pid_t child = fork();
    if (child == 0) {
        free(inherited);
        for (int i = 0; i < 100; i++) trap_child_malloc(1203);
        _exit(0);
    }
    WH_KEEP(inherited);
    answer_child(child);
}

static void* shared_block;
static void* child_block;

static int child_in_same_memory(void* argument) {
    (void)argument;
    free(shared_block);
    child_block = trap_child_malloc(1205);
    return 0;
}

// A child process in the parent's address space frees the parent's block of 1207 bytes and takes one of 1205.
static void run_clone_vm(const char* arguments) {
    (void)arguments;
    enum { kStackBytes = 1 << 18 };
    static _Alignas(16) char stack[kStackBytes];
    shared_block = trap_parent_malloc(1207);
    // The parent sleeps until the child is gone (CLONE_VFORK), since both use the same thread-local data.
    answer_child(clone(child_in_same_memory, stack + kStackBytes, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
}

static void run_exec(const char* arguments) {
    (void)arguments;
    trap_parent_malloc(1209);
    execl("/proc/self/exe", "traps", "executed", (char*)NULL);
    puppet_answer("FAIL exec: %s", strerror(errno));
}

static void run_exit(const char* arguments) { _exit(atoi(arguments)); }

static void* allocate_and_end(void* argument) {
    *(void**)argument = trap_child_malloc(1211);
    return NULL;
}

// threads COUNT: as many short-lived threads, one after the other, each leaving a block behind.
static void run_threads(const char* arguments) {
    void* block = NULL;
    for (int i = 0; i < atoi(arguments); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, allocate_and_end, &block);
        pthread_join(thread, NULL);
    }
    puppet_answer("DONE");
}

static void run_hostile_name(const char* arguments) {
    (void)arguments;
    prctl(PR_SET_NAME, "\x1b[31m\n\"\\\xff) R 1");
    puppet_answer("DONE");
}

#ifdef TRAPS_SECCOMP
// All system calls of today are allowed; one that the filter's author had not heard of, such as uretprobe(2), kills.
static void run_seccomp(const char* arguments) {
    (void)arguments;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 335, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    puppet_answer(failed ? "FAIL seccomp" : "DONE");
}
#endif

const struct trap_command kProcessCommands[] = {
    {"fork", run_fork},
    {"clone_vm", run_clone_vm},
    {"exec", run_exec},
    {"exit", run_exit},
    {"threads", run_threads},
    {"hostile_name", run_hostile_name},
#ifdef TRAPS_SECCOMP
    {"seccomp", run_seccomp},
#endif
    {NULL, NULL},
};
