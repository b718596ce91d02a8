// Stacks (deep, many, without a caller's frame), calls that never return, libraries that come and go.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "traps_common.h"

// The direct caller whose frame is not yet set up when malloc is entered is what frame-pointer walks skip.
static WH_SITE void* trap_caller_exact(size_t size) {
    void* block = malloc(size);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_caller_outer(size_t size) {
    void* block = trap_caller_exact(size);
    WH_KEEP(block);
    return block;
}

static void run_caller(const char* arguments) {
    (void)arguments;
    puppet_answer("DONE %p", trap_caller_outer(1101));
}

static WH_SITE void* trap_deep_leaf(void) {
    void* block = malloc(1103);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_deep(unsigned frames) {
    void* block = frames ? trap_deep(frames - 1) : trap_deep_leaf();
    WH_KEEP(block);
    return block;
}

// deep FRAMES
static void run_deep(const char* arguments) { puppet_answer("DONE %p", trap_deep((unsigned)atoi(arguments))); }

static WH_SITE void* trap_pattern_leaf(void) {
    void* block = malloc(1105);
    WH_KEEP(block);
    return block;
}

static void* trap_pattern_0(unsigned pattern, unsigned bits);
static void* trap_pattern_1(unsigned pattern, unsigned bits);

static void* trap_pattern_next(unsigned pattern, unsigned bits) {
    if (!bits) return trap_pattern_leaf();
    return pattern & 1 ? trap_pattern_1(pattern >> 1, bits - 1) : trap_pattern_0(pattern >> 1, bits - 1);
}

static WH_SITE void* trap_pattern_0(unsigned pattern, unsigned bits) {
    void* block = trap_pattern_next(pattern, bits);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_pattern_1(unsigned pattern, unsigned bits) {
    void* block = trap_pattern_next(pattern, bits);
    WH_KEEP(block);
    return block;
}

// stacks COUNT: as many different call stacks, one block each.
static void run_stacks(const char* arguments) {
    enum { kBits = 16 };
    unsigned count = (unsigned)atoi(arguments);
    if (count > 1u << kBits) {
        puppet_answer("FAIL too many");
        return;
    }
    for (unsigned i = 0; i < count; i++) trap_pattern_next(i, kBits);
    puppet_answer("DONE");
}

// --- calls that never return: malloc of libslowmalloc.so blocks, and a signal takes the thread out of it.

// musl-tools come without the kernel's headers.
enum { kFutexWait = 0 };

typedef void (*arm_function)(int*);

static __thread sigjmp_buf out_of_malloc;
static __thread int dies;

static WH_SITE void* trap_interrupted(void) {
    void* block = malloc(1107);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_after_interruption(void) {
    void* block = malloc(1109);
    WH_KEEP(block);
    return block;
}

static void leave_malloc(int signal) {
    (void)signal;
    if (dies) syscall(SYS_exit, 0);
    siglongjmp(out_of_malloc, 1);
}

struct interrupted {
    arm_function arm;
    int state;
    int dies;
};

static void* be_interrupted(void* argument) {
    struct interrupted* shared = argument;
    dies = shared->dies;
    if (sigsetjmp(out_of_malloc, 1) == 0) {
        shared->arm(&shared->state);
        trap_interrupted();
    }
    trap_after_interruption();
    return NULL;
}

static void interrupt_threads(unsigned count, int die) {
    arm_function arm = (arm_function)dlsym(RTLD_DEFAULT, "slow_malloc_arm");
    if (!arm) {
        puppet_answer("FAIL libslowmalloc.so is not preloaded");
        return;
    }
    signal(SIGUSR1, leave_malloc);
    for (unsigned i = 0; i < count; i++) {
        struct interrupted shared = {arm, 0, die};
        pthread_t thread;
        pthread_create(&thread, NULL, be_interrupted, &shared);
        while (__atomic_load_n(&shared.state, __ATOMIC_SEQ_CST) == 0) {
            syscall(SYS_futex, &shared.state, kFutexWait, 0, NULL, NULL, 0);
        }
        pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
    }
    puppet_answer("DONE");
}

// longjmp COUNT: as many threads leave malloc by longjmp and allocate once afterwards.
static void run_longjmp(const char* arguments) { interrupt_threads((unsigned)atoi(arguments), 0); }

// die_in_malloc COUNT: as many threads end inside malloc.
static void run_die_in_malloc(const char* arguments) { interrupt_threads((unsigned)atoi(arguments), 1); }

#ifndef TRAPS_STATIC
// --- libraries

static void* library;
typedef void* (*malloc_function)(size_t);
typedef void (*free_function)(void*);

static WH_SITE void* trap_library_malloc(malloc_function function, size_t size) {
    void* block = function(size);
    WH_KEEP(block);
    return block;
}

// dlopen PATH
static void run_dlopen(const char* arguments) {
    library = dlopen(arguments + strspn(arguments, " "), RTLD_NOW | RTLD_LOCAL);
    if (library) {
        puppet_answer("DONE");
    } else {
        puppet_answer("FAIL %s", dlerror());
    }
}

static void* library_block;

// library_malloc SYMBOL SIZE COUNT
static void run_library_malloc(const char* arguments) {
    char symbol[64];
    size_t size = 0, count = 0;
    if (sscanf(arguments, "%63s %zu %zu", symbol, &size, &count) != 3) {
        puppet_answer("FAIL library_malloc SYMBOL SIZE COUNT");
        return;
    }
    malloc_function function = (malloc_function)dlsym(library, symbol);
    if (!function) {
        puppet_answer("FAIL no %s", symbol);
        return;
    }
    for (size_t i = 0; i < count; i++) library_block = trap_library_malloc(function, size);
    puppet_answer("DONE %p", library_block);
}

// library_free SYMBOL: the newest block of library_malloc
static void run_library_free(const char* arguments) {
    free_function function = (free_function)dlsym(library, arguments + strspn(arguments, " "));
    if (!function) {
        puppet_answer("FAIL no such symbol");
        return;
    }
    function(library_block);
    puppet_answer("DONE");
}

static void run_dlclose(const char* arguments) {
    (void)arguments;
    puppet_answer(dlclose(library) == 0 ? "DONE" : "FAIL dlclose");
}
#endif

const struct trap_command kCallCommands[] = {
    {"caller", run_caller},
    {"deep", run_deep},
    {"stacks", run_stacks},
    {"longjmp", run_longjmp},
    {"die_in_malloc", run_die_in_malloc},
#ifndef TRAPS_STATIC
    {"dlopen", run_dlopen},
    {"library_malloc", run_library_malloc},
    {"library_free", run_library_free},
    {"dlclose", run_dlclose},
#endif
    {NULL, NULL},
};
