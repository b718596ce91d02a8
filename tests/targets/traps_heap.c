// Heap calls that fail, move, stay in place, nest or are asked for nothing.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "traps_common.h"

static WH_SITE void* trap_malloc(size_t size) {
    void* block = malloc(size);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_realloc(void* old, size_t size) {
    void* block = realloc(old, size);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* trap_calloc(size_t count, size_t size) {
    void* block = calloc(count, size);
    WH_KEEP(block);
    return block;
}

static WH_SITE int trap_posix_memalign(void** block, size_t alignment, size_t size) {
    int failed = posix_memalign(block, alignment, size);
    WH_KEEP(failed);
    return failed;
}

static WH_SITE char* trap_strdup(const char* text) {
    char* copy = strdup(text);
    WH_KEEP(copy);
    return copy;
}

// What `malloc SIZE` holds, newest last.
enum { kSlots = 1 << 17 };
static void* slots[kSlots];
static size_t slot_count;

static void run_malloc(const char* arguments) {
    size_t size = 0, count = 1;
    if (sscanf(arguments, "%zu %zu", &size, &count) < 1 || slot_count + count > kSlots) {
        puppet_answer("FAIL malloc SIZE [COUNT]");
        return;
    }
    for (size_t i = 0; i < count; i++) slots[slot_count++] = trap_malloc(size);
    puppet_answer("DONE %p", slots[slot_count - 1]);
}

// Frees the COUNT newest.
static void run_free(const char* arguments) {
    size_t count = 1;
    (void)!sscanf(arguments, "%zu", &count);
    for (size_t i = 0; i < count && slot_count > 0; i++) free(slots[--slot_count]);
    puppet_answer("DONE %zu left", slot_count);
}

static void run_free_null(const char* arguments) {
    (void)arguments;
    void* nothing = NULL;
    WH_KEEP(nothing);
    for (int i = 0; i < 100; i++) free(nothing);
    puppet_answer("DONE");
}

static void run_realloc_fail(const char* arguments) {
    (void)arguments;
    void* block = trap_malloc(1031);
    void* moved = trap_realloc(block, huge_size());
    WH_KEEP(block);
    puppet_answer(moved ? "FAIL realloc gave a block" : "DONE kept");
}

static void run_realloc_zero(const char* arguments) {
    (void)arguments;
    void* block = trap_realloc(trap_malloc(1033), 0);
    puppet_answer(block ? "DONE block" : "DONE null");
}

static void run_realloc_null(const char* arguments) {
    (void)arguments;
    void* nothing = NULL;
    WH_KEEP(nothing);
    puppet_answer("DONE %p", trap_realloc(nothing, 1035));
}

static void run_realloc_in_place(const char* arguments) {
    (void)arguments;
    void* block = trap_malloc(2053);
    uintptr_t before = (uintptr_t)block;
    void* again = trap_realloc(block, 2051);
    puppet_answer((uintptr_t)again == before ? "DONE in place" : "DONE moved");
}

static void run_realloc_move(const char* arguments) {
    (void)arguments;
    void* block = trap_malloc(1037);
    void* barrier = trap_malloc(1037);
    void* moved = trap_realloc(block, 301037);
    free(barrier);
    puppet_answer("DONE %p", moved);
}

// All that fails or overflows; nothing may be held afterwards.
static void run_failures(const char* arguments) {
    (void)arguments;
    void* out = NULL;
    int wrong = 0;
    for (int i = 0; i < 10; i++) {
        wrong += trap_malloc(huge_size()) != NULL;
        wrong += trap_calloc((size_t)1 << 33, (size_t)1 << 33) != NULL;
        wrong += trap_calloc(3, huge_size()) != NULL;
        wrong += trap_posix_memalign(&out, 3, 1039) == 0;
        wrong += trap_posix_memalign(&out, 64, huge_size()) == 0;
        wrong += mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
        wrong += mmap(NULL, huge_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    }
    puppet_answer(wrong ? "FAIL a call that must fail did not" : "DONE");
}

// The result goes to a page that nobody touched before the call.
static void run_posix_memalign_fresh(const char* arguments) {
    (void)arguments;
    void** out = (void**)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int failed = trap_posix_memalign(out, 4096, 1041);
    puppet_answer(failed ? "FAIL posix_memalign" : "DONE %p", *out);
}

static void run_strdup(const char* arguments) {
    (void)arguments;
    static char text[1043];
    memset(text, 'x', sizeof text - 1);
    puppet_answer("DONE %p", (void*)trap_strdup(text));
}

// churn COUNT SIZE: pairs of malloc and free.
static void run_churn(const char* arguments) {
    unsigned long long count = 0;
    size_t size = 0;
    if (sscanf(arguments, "%llu %zu", &count, &size) != 2) {
        puppet_answer("FAIL churn COUNT SIZE");
        return;
    }
    for (unsigned long long i = 0; i < count; i++) free(trap_malloc(size));
    puppet_answer("DONE");
}

struct pingpong {
    atomic_uintptr_t box;  // block on its way, 0: none
    size_t count, size;
};

static void* pingpong_free(void* argument) {
    struct pingpong* shared = argument;
    for (size_t i = 0; i < shared->count; i++) {
        uintptr_t block = 0;
        while ((block = atomic_exchange(&shared->box, 0)) == 0) sched_yield();
        free((void*)block);
    }
    return NULL;
}

static void* pingpong_take(void* argument) {
    struct pingpong* shared = argument;
    for (size_t i = 0; i < shared->count; i++) {
        uintptr_t block = (uintptr_t)trap_malloc(shared->size);
        uintptr_t empty = 0;
        while (!atomic_compare_exchange_weak(&shared->box, &empty, block)) {
            empty = 0;
            sched_yield();
        }
    }
    return NULL;
}

// pingpong PAIRS COUNT SIZE: one thread of a pair takes, the other frees at once, and the address comes back to another pair.
static void run_pingpong(const char* arguments) {
    enum { kMaxPairs = 16 };
    static struct pingpong pairs[kMaxPairs];
    static pthread_t threads[2 * kMaxPairs];
    size_t pair_count = 0, count = 0, size = 0;
    if (sscanf(arguments, "%zu %zu %zu", &pair_count, &count, &size) != 3 || pair_count > kMaxPairs) {
        puppet_answer("FAIL pingpong PAIRS COUNT SIZE");
        return;
    }
    for (size_t i = 0; i < pair_count; i++) {
        pairs[i].count = count;
        pairs[i].size = size;
        pthread_create(&threads[2 * i], NULL, pingpong_take, &pairs[i]);
        pthread_create(&threads[2 * i + 1], NULL, pingpong_free, &pairs[i]);
    }
    for (size_t i = 0; i < 2 * pair_count; i++) pthread_join(threads[i], NULL);
    puppet_answer("DONE");
}

const struct trap_command kHeapCommands[] = {
    {"malloc", run_malloc},
    {"free", run_free},
    {"free_null", run_free_null},
    {"realloc_fail", run_realloc_fail},
    {"realloc_zero", run_realloc_zero},
    {"realloc_null", run_realloc_null},
    {"realloc_in_place", run_realloc_in_place},
    {"realloc_move", run_realloc_move},
    {"failures", run_failures},
    {"posix_memalign_fresh", run_posix_memalign_fresh},
    {"strdup", run_strdup},
    {"churn", run_churn},
    {"pingpong", run_pingpong},
    {NULL, NULL},
};
