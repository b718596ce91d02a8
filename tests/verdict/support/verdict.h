// What the C and C++ programs of the verdict matrix share. Each runs until its standard input ends, at a pace of its own, and
// prints READY when it is set up. Arguments: SECONDS that it will be watched, SEED. Phases are written for a minute and
// stretched to SECONDS, rates are not.
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define VERDICT_CALL __attribute__((noinline))

static double verdict_stretch = 1;
static double verdict_begin;
static __thread uint32_t verdict_state = 2463534242U;

static inline double verdict_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Since the start, as if the program were watched for a minute.
static inline double verdict_time(void) { return (verdict_clock() - verdict_begin) / verdict_stretch; }

static inline void verdict_start(int argc, char** argv) {
    if (argc > 1) verdict_stretch = strtod(argv[1], NULL) / 60;
    if (argc > 2) verdict_state ^= (uint32_t)strtoul(argv[2], NULL, 10) * 2654435761U;
    if (!(verdict_stretch > 0)) verdict_stretch = 1;
    if (verdict_state == 0) verdict_state = 1;
    signal(SIGPIPE, SIG_IGN);
    verdict_begin = verdict_clock();
    printf("READY\n");
    fflush(stdout);
}

static inline uint32_t verdict_random(void) {
    verdict_state ^= verdict_state << 13;
    verdict_state ^= verdict_state >> 17;
    verdict_state ^= verdict_state << 5;
    return verdict_state;
}

static inline uint32_t verdict_between(uint32_t low, uint32_t high) {
    return low + verdict_random() % (high - low + 1);
}

// Sleeps; ends the process with its standard input.
static inline void verdict_sleep(double seconds) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    struct timespec timeout = {0, 0};
    if (seconds > 0) {
        timeout.tv_sec = (time_t)seconds;
        timeout.tv_nsec = (long)((seconds - (double)timeout.tv_sec) * 1e9);
    }
    if (ppoll(&input, 1, &timeout, NULL) > 0) _exit(0);
}

// In a loop: lets it turn so many times a second. What a loaded machine delays is caught up with, but not for ever.
static inline void verdict_pace(double per_second) {
    static __thread double next;
    const double now = verdict_clock();
    next += 1 / per_second;
    if (next < now - 1) next = now;
    verdict_sleep(next - now);
}
