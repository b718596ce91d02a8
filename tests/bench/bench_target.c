// The puppet of bench_probes: pairs of malloc(32) and free at the bottom of 14 calls, for a given time. Commands, one a line:
//   single MS   one thread
//   all MS      one thread for each CPU
// Each answers "DONE PAIRS THREAD_NS": the pairs of all threads and the time that all threads spent on them, in nanoseconds.

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../targets/puppet.h"

enum { kBlockBytes = 32, kPairsPerClockRead = 64, kMaxThreads = 256 };

struct window {
    uint64_t length_ns;
    uint64_t pairs;
    uint64_t spent_ns;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

WH_SITE static void level_14(struct window* window) {
    uint64_t start_ns = now_ns();
    uint64_t pairs = 0;
    uint64_t spent_ns = 0;
    while (spent_ns < window->length_ns) {
        for (int i = 0; i < kPairsPerClockRead; i++) {
            void* block = malloc(kBlockBytes);
            WH_KEEP(block);
            free(block);
        }
        pairs += kPairsPerClockRead;
        spent_ns = now_ns() - start_ns;
    }
    window->pairs = pairs;
    window->spent_ns = spent_ns;
}

#define LEVEL(number, next)                                     \
    WH_SITE static void level_##number(struct window* window) { \
        level_##next(window);                                   \
        WH_KEEP(window);                                        \
    }
LEVEL(13, 14)
LEVEL(12, 13)
LEVEL(11, 12)
LEVEL(10, 11)
LEVEL(9, 10)
LEVEL(8, 9)
LEVEL(7, 8)
LEVEL(6, 7)
LEVEL(5, 6)
LEVEL(4, 5)
LEVEL(3, 4)
LEVEL(2, 3)
LEVEL(1, 2)

static void* run_window(void* window) {
    level_1(window);
    return NULL;
}

static void run(long threads, uint64_t length_ns) {
    static struct window windows[kMaxThreads];
    static pthread_t handles[kMaxThreads];
    if (threads < 1) threads = 1;
    if (threads > kMaxThreads) threads = kMaxThreads;
    for (long i = 0; i < threads; i++) {
        windows[i] = (struct window){.length_ns = length_ns};
        if (pthread_create(&handles[i], NULL, run_window, &windows[i]) != 0) abort();
    }
    uint64_t pairs = 0;
    uint64_t spent_ns = 0;
    for (long i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        pairs += windows[i].pairs;
        spent_ns += windows[i].spent_ns;
    }
    puppet_answer("DONE %llu %llu", (unsigned long long)pairs, (unsigned long long)spent_ns);
}

int main(void) {
    char line[kPuppetLineMax];
    while (puppet_read_line(line)) {
        unsigned length_ms = 0;
        if (sscanf(line, "single %u", &length_ms) == 1) {
            run(1, length_ms * 1000000ull);
        } else if (sscanf(line, "all %u", &length_ms) == 1) {
            run(sysconf(_SC_NPROCESSORS_ONLN), length_ms * 1000000ull);
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    return 0;
}
