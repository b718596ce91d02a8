// The puppet of bench_outstanding: takes many small blocks with all CPUs at full speed and keeps them. Commands, one a line:
//   hold COUNT   COUNT blocks of 16 to 64 bytes
//   release      frees them all, each thread those that it took
// Each answers "DONE COUNT BYTES ELAPSED_NS". The threads exist before the first command, and nothing but the blocks is taken
// from the heap by a command, so that a tracer's totals must equal the answers exactly.

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../targets/puppet.h"

enum { kSmallestBytes = 16, kLargestBytes = 64, kMaxThreads = 256 };

// The chain of what a thread holds runs through the blocks themselves.
struct block {
    struct block* next;
};

struct worker {
    struct block* held;
    uint64_t count;
    uint64_t bytes;
};

static struct worker workers[kMaxThreads];
static pthread_barrier_t command_given;
static pthread_barrier_t command_done;
static uint64_t count_per_thread;  // 0: release

WH_SITE static void hold_blocks(struct worker* worker, uint64_t count) {
    uint64_t size = kSmallestBytes;
    for (uint64_t i = 0; i < count; i++) {
        struct block* block = malloc(size);
        if (!block) abort();
        block->next = worker->held;
        worker->held = block;
        worker->bytes += size;
        if (++size > kLargestBytes) size = kSmallestBytes;
    }
    worker->count += count;
}

WH_SITE static void release_blocks(struct worker* worker) {
    while (worker->held) {
        struct block* next = worker->held->next;
        free(worker->held);
        worker->held = next;
    }
}

static void* work(void* argument) {
    struct worker* worker = argument;
    for (;;) {
        pthread_barrier_wait(&command_given);
        if (count_per_thread) {
            hold_blocks(worker, count_per_thread);
        } else {
            release_blocks(worker);
        }
        pthread_barrier_wait(&command_done);
    }
    return NULL;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void command(long threads, uint64_t count) {
    count_per_thread = count / (uint64_t)threads;
    uint64_t start_ns = now_ns();
    pthread_barrier_wait(&command_given);
    pthread_barrier_wait(&command_done);
    uint64_t elapsed_ns = now_ns() - start_ns;
    uint64_t blocks = 0;
    uint64_t bytes = 0;
    for (long i = 0; i < threads; i++) {
        blocks += workers[i].count;
        bytes += workers[i].bytes;
    }
    puppet_answer("DONE %llu %llu %llu", (unsigned long long)blocks, (unsigned long long)bytes,
                  (unsigned long long)elapsed_ns);
}

int main(void) {
    long threads = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads > kMaxThreads) threads = kMaxThreads;
    pthread_barrier_init(&command_given, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&command_done, NULL, (unsigned)threads + 1);
    for (long i = 0; i < threads; i++) {
        pthread_t handle;
        if (pthread_create(&handle, NULL, work, &workers[i]) != 0) abort();
        pthread_detach(handle);
    }
    puppet_answer("DONE 0 0 0");

    char line[kPuppetLineMax];
    while (puppet_read_line(line)) {
        unsigned long long count = 0;
        if (sscanf(line, "hold %llu", &count) == 1 && count >= (unsigned long long)threads) {
            command(threads, count);
        } else if (strcmp(line, "release") == 0) {
            command(threads, 0);
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    return 0;
}
