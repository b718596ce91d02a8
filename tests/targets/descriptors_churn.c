// Threads that open and close without end, so that reports are made in full flight.
//   churn THREADS   starts them; each opens and closes a thousand times a second, and keeps some
//   pause, resume   nothing moves in between
//   churn_end       ends and joins them
#include "descriptors_common.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { kMaxThreads = 16, kPerSecond = 1000, kKeepOneOf = 97, kMaxKept = 200, kNanosecond = 1000000000 };

static pthread_t threads[kMaxThreads];
static int thread_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_paused;
static bool is_ended;
static int at_rest;

WH_SITE void site_churn_file(void) { track(SITE_churn_file, open("/dev/null", O_RDONLY | O_CLOEXEC)); }
WH_SITE void site_churn_socket(void) { track(SITE_churn_socket, socket(AF_UNIX, SOCK_STREAM, 0)); }
WH_SITE void site_churn_dup(void) { track(SITE_churn_dup, dup(own_listener())); }

WH_SITE void site_churn_pipe(void) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) == 0) {
        track(SITE_churn_pipe, ends[0]);
        track(SITE_churn_pipe, ends[1]);
    }
}

static void (*const kOpen[])(void) = {site_churn_file, site_churn_socket, site_churn_pipe, site_churn_dup};

// False once it is to end.
static bool may_go_on(void) {
    pthread_mutex_lock(&mutex);
    at_rest++;
    pthread_cond_broadcast(&changed);
    while (is_paused && !is_ended) pthread_cond_wait(&changed, &mutex);
    at_rest--;
    const bool go_on = !is_ended;
    pthread_mutex_unlock(&mutex);
    return go_on;
}

static void* churn(void* number) {
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    int kept = 0;
    for (unsigned i = (unsigned)(size_t)number; may_go_on(); i++) {
        forget_recent();
        kOpen[i % (sizeof kOpen / sizeof kOpen[0])]();
        if (i % kKeepOneOf == 0 && kept < kMaxKept) {
            kept++;
        } else {
            close_recent();
        }
        next.tv_nsec += kNanosecond / kPerSecond;
        if (next.tv_nsec >= kNanosecond) {
            next.tv_nsec -= kNanosecond;
            next.tv_sec++;
        }
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR) {}
    }
    return NULL;
}

static void run_churn(const char* arguments) {
    thread_count = atoi(arguments) < kMaxThreads ? atoi(arguments) : kMaxThreads;
    is_paused = is_ended = false;
    for (int i = 0; i < thread_count; i++) pthread_create(&threads[i], NULL, churn, (void*)(size_t)i);
    puppet_answer("DONE");
}

static void run_pause(const char* arguments) {
    (void)arguments;
    pthread_mutex_lock(&mutex);
    is_paused = true;
    while (at_rest < thread_count) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    puppet_answer("DONE");
}

static void run_resume(const char* arguments) {
    (void)arguments;
    pthread_mutex_lock(&mutex);
    is_paused = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    puppet_answer("DONE");
}

static void run_churn_end(const char* arguments) {
    (void)arguments;
    pthread_mutex_lock(&mutex);
    is_ended = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < thread_count; i++) pthread_join(threads[i], NULL);
    thread_count = 0;
    puppet_answer("DONE");
}

const struct descriptor_command kChurnCommands[] = {
    {"churn", run_churn}, {"pause", run_pause}, {"resume", run_resume}, {"churn_end", run_churn_end}, {NULL, NULL},
};
