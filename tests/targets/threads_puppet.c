// threads_puppet: starts threads in every way there is, each from a call site of its own, and keeps a ledger of them.
//   start SITE COUNT   the site starts so many
//   mark               what starts from now on counts as started after the attach
//   storm COUNT        so many short-lived ones, joined and detached by turns
//   end                lets all that wait come to their end
//   ledger             answers the ledger as JSON
// A command answers when the threads that are to be gone are gone from /proc. `quit` ends it.
#include "threads_common.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

struct ledger_row {
    const char* function;
    void (*run)(void);
    bool stays;
    bool has_handle;
    unsigned started[2];  // [before the mark]
    unsigned ended[2];
};

static struct ledger_row ledger[] = {
#define X(function, stays, handle) {#function, function, stays, handle, {0, 0}, {0, 0}},
    THREAD_SITES(X)
#ifndef THREADS_NO_CPP
        THREAD_SITES_CPP(X)
#endif
#undef X
};
enum { kSites = sizeof ledger / sizeof ledger[0], kRawStack = 1 << 16, kBusyMs = 40, kFutexWait = 0, kFutexWake = 1 };

static bool marked;
static unsigned stored_stays;  // threads that are there besides the first
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned generation;  // counts the commands `end`
static unsigned ready;       // threads that have done what they do before they wait
static int raw_may_end;      // a futex

void be_ready_and_wait(void) {
    pthread_mutex_lock(&mutex);
    const unsigned born = generation;
    ready++;
    pthread_cond_broadcast(&changed);
    while (born == generation) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

unsigned count_ready(void) { return ready; }

void wait_for_ready(unsigned wanted) {
    pthread_mutex_lock(&mutex);
    while (ready < wanted) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

WH_SITE void* wait_for_end(void* ignored) {
    be_ready_and_wait();
    return ignored;
}

static void* end_at_once(void* ignored) { return ignored; }

static void* name_itself(void* ignored) {
    pthread_setname_np(pthread_self(), "puppet-named");
    be_ready_and_wait();
    return ignored;
}

static bool creator_is_back;

static void set_creator_is_back(bool value) {
    pthread_mutex_lock(&mutex);
    creator_is_back = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void* detach_itself(void* ignored) {
    pthread_mutex_lock(&mutex);
    while (!creator_is_back) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    pthread_detach(pthread_self());
    be_ready_and_wait();
    return ignored;
}

static void* use_processor(void* ignored) {
    struct timespec used = {0, 0};
    while (used.tv_sec == 0 && used.tv_nsec < kBusyMs * 1000000L) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    be_ready_and_wait();
    return ignored;
}

static void fail(const char* what) {
    puppet_answer("FAIL %s", what);
    _exit(1);
}

static inline __attribute__((always_inline)) pthread_t create(const pthread_attr_t* attributes, void* (*run)(void*)) {
    pthread_t thread;
    if (pthread_create(&thread, attributes, run, NULL) != 0) fail("pthread_create");
    return thread;
}

// One more that is ready than before.
static inline __attribute__((always_inline)) pthread_t create_waiting(void* (*run)(void*)) {
    const unsigned wanted = ready + 1;
    pthread_t thread = create(NULL, run);
    wait_for_ready(wanted);
    return thread;
}

WH_SITE void site_waiting(void) { create_waiting(wait_for_end); }
WH_SITE void site_named(void) { create_waiting(name_itself); }
WH_SITE void site_busy(void) { create_waiting(use_processor); }

// Not before pthread_create has returned.
WH_SITE void site_detaches_itself(void) {
    const unsigned wanted = ready + 1;
    set_creator_is_back(false);
    create(NULL, detach_itself);
    set_creator_is_back(true);
    wait_for_ready(wanted);
}

WH_SITE void site_detached_waiting(void) { pthread_detach(create_waiting(wait_for_end)); }
WH_SITE void site_finished(void) { create(NULL, end_at_once); }
WH_SITE void site_joined(void) { pthread_join(create(NULL, end_at_once), NULL); }
WH_SITE void site_detached(void) { pthread_detach(create(NULL, end_at_once)); }

WH_SITE void site_detached_attribute(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    create(&attributes, end_at_once);
    pthread_attr_destroy(&attributes);
}

// The C library does not know of this one, and it uses nothing of the C library's.
static int wait_raw(void* ignored) {
    (void)ignored;
    while (!__atomic_load_n(&raw_may_end, __ATOMIC_ACQUIRE)) {
        long result = SYS_futex;
        register void* no_timeout __asm__("r10") = NULL;
        __asm__ volatile("syscall"
                         : "+a"(result)
                         : "D"(&raw_may_end), "S"(kFutexWait), "d"(0), "r"(no_timeout)
                         : "rcx", "r11", "memory");
    }
    return 0;
}

WH_SITE void site_raw(void) {
    char* stack = malloc(kRawStack);
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    if (stack == NULL || clone(wait_raw, stack + kRawStack, flags, NULL) < 0) fail("clone");
}

static unsigned count_tasks(void) {
    DIR* folder = opendir("/proc/self/task");
    unsigned count = 0;
    while (folder) {
        const struct dirent* entry = readdir(folder);
        if (!entry) break;
        count += entry->d_name[0] != '.';
    }
    if (folder) closedir(folder);
    return count;
}

static void answer_when_settled(void) {
    while (count_tasks() != stored_stays + 1) sched_yield();
    puppet_answer("DONE");
}

static void run_start(const char* arguments) {
    char name[64] = "";
    int count = 0;
    if (sscanf(arguments, "%63s %d", name, &count) != 2) count = 0;
    for (int site = 0; site < kSites; site++) {
        struct ledger_row* row = &ledger[site];
        if (strcmp(row->function, name) != 0) continue;
        if (row->run == site_raw) raw_may_end = 0;
        for (int i = 0; i < count; i++) row->run();
        row->started[!marked] += (unsigned)count;
        row->ended[!marked] += row->stays ? 0 : (unsigned)count;
        stored_stays += row->stays ? (unsigned)count : 0;
        return answer_when_settled();
    }
    puppet_answer("FAIL no such site: %s", arguments);
}

static void run_end(void) {
    pthread_mutex_lock(&mutex);
    generation++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    __atomic_store_n(&raw_may_end, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &raw_may_end, kFutexWake, 1 << 20);
    for (int site = 0; site < kSites; site++) {
        for (int i = 0; i < 2; i++) ledger[site].ended[i] = ledger[site].started[i];
    }
    stored_stays = 0;
    answer_when_settled();
}

static void run_storm(const char* arguments) {
    const int count = atoi(arguments);
    for (int i = 0; i < count; i += 2) {
        site_joined();
        site_detached();
    }
    for (int site = 0; site < kSites; site++) {
        struct ledger_row* row = &ledger[site];
        if (row->run != site_joined && row->run != site_detached) continue;
        row->started[!marked] += (unsigned)(count + 1) / 2;
        row->ended[!marked] += (unsigned)(count + 1) / 2;
    }
    answer_when_settled();
}

static void run_ledger(void) {
    static char text[kPuppetAnswerMax];
    size_t at = 0;
    for (int site = 0; site < kSites; site++) {
        const struct ledger_row* row = &ledger[site];
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "%s{\"function\":\"%s\",\"has_handle\":%s,\"started_before\":%u,\"ended_before\":%u,"
                               "\"started\":%u,\"ended\":%u}",
                               site ? "," : "", row->function, row->has_handle ? "true" : "false", row->started[1],
                               row->ended[1], row->started[0], row->ended[0]);
    }
    puppet_answer("DONE {\"sites\":[%s]}", text);
}

int main(void) {
    static char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line) && strcmp(line, "quit") != 0) {
        if (strncmp(line, "start ", 6) == 0) {
            run_start(line + 6);
        } else if (strncmp(line, "storm ", 6) == 0) {
            run_storm(line + 6);
        } else if (strcmp(line, "mark") == 0) {
            marked = true;
            puppet_answer("DONE");
        } else if (strcmp(line, "end") == 0) {
            run_end();
        } else if (strcmp(line, "ledger") == 0) {
            run_ledger();
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
