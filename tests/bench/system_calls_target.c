// The puppet of bench_system_calls. Commands, one a line, each for WINDOW_MS milliseconds:
//   open WINDOW_MS     opens /dev/null and closes it again
//   getppid WINDOW_MS  the cheapest system call there is
// Each answers "DONE CALLS ELAPSED_NS".
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../targets/puppet.h"

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

WH_SITE static void open_and_close(void) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
}

WH_SITE static void ask_for_parent(void) { syscall(SYS_getppid); }

int main(void) {
    enum { kBatch = 100 };
    char line[kPuppetLineMax];
    puppet_answer("DONE");
    while (puppet_read_line(line)) {
        void (*call)(void) = strncmp(line, "open ", 5) == 0 ? open_and_close : ask_for_parent;
        const char* window = strchr(line, ' ');
        uint64_t window_ns = (window ? strtoull(window, NULL, 10) : 100) * 1000000u;
        uint64_t start_ns = now_ns();
        uint64_t elapsed_ns = 0;
        uint64_t calls = 0;
        while (elapsed_ns < window_ns) {
            for (int i = 0; i < kBatch; i++) call();
            calls += kBatch;
            elapsed_ns = now_ns() - start_ns;
        }
        puppet_answer("DONE %llu %llu", (unsigned long long)calls, (unsigned long long)elapsed_ns);
    }
    return 0;
}
