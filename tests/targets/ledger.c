// ledger [THREADS]: random malloc/calloc/realloc/memalign/free at full speed across threads, with an exact ledger per call site.
// Blocks are handed over through a lock-striped pool, so most are freed by another thread than the one that took them.
//
//   start | stop | run SECONDS   let the workers run; stop and run answer when all are parked: DONE ops=… seconds=… rate=…
//   mark                         the ledger counts from here (workers must be parked)
//   ledger                       DONE {"sites":[…],"unknown_released":n}
//   ops                          DONE operations so far
//   drain                        frees all that is held
//   quit
//
// Invariant: no heap use besides the counted sites once the threads exist, and those exist before the first answer.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "ledger_sites.h"
#include "puppet.h"

enum { kMaxThreads = 64, kStripes = 64, kStripeBlocks = 128, kHeldAtStop = 1024 };

struct block {
    unsigned char* address;
    size_t size;
    uint32_t site;
    uint32_t epoch;
};

struct counters {
    uint64_t acquired_count, acquired_bytes, released_count, released_bytes;
};

struct worker {
    pthread_t thread;
    uint64_t random;
    uint64_t unknown_released;
    _Atomic uint64_t operations;
    struct counters sites[kSites];
    struct block kept[kHeldAtStop];  // one per site and stop, so that every site holds something when it is compared
    size_t kept_count;
} __attribute__((aligned(128)));

struct stripe {
    pthread_mutex_t lock;
    size_t count;
    struct block blocks[kStripeBlocks];
};

static struct worker workers[kMaxThreads];
static struct stripe stripes[kStripes];
static size_t worker_count = 8;
static uint32_t epoch = 1;
static atomic_bool running;
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static pthread_cond_t gate_parked = PTHREAD_COND_INITIALIZER;
static size_t parked_count;
static uint64_t gate_round;

static uint64_t next_random(struct worker* self) {
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random >> 11;
}

// A size of the site: mostly small, now and then some pages.
static size_t size_for(struct worker* self, enum site site) {
    uint64_t random = next_random(self);
    uint64_t steps = (random & 255) == 0 ? (random >> 8) % 1024 : (random >> 8) % 24;
    return steps * 64 + kSiteResidues[site];
}

static void die(const char* why) {
    puppet_answer("FAIL %s", why);
    _exit(1);
}

// Each block carries a mark at both ends: a tracer that corrupts its target cannot stay unseen.
static void mark_block(struct block* block) {
    block->address[0] = (unsigned char)block->size;
    block->address[block->size - 1] = (unsigned char)block->size;
}

static void check_block(const struct block* block) {
    if (block->address[0] != (unsigned char)block->size) die("a block was corrupted at its start");
    if (block->address[block->size - 1] != (unsigned char)block->size) die("a block was corrupted at its end");
}

static void count_release(struct worker* self, const struct block* block) {
    if (block->epoch != epoch) {
        self->unknown_released++;
        return;
    }
    self->sites[block->site].released_count++;
    self->sites[block->site].released_bytes += block->size;
}

static struct block acquire(struct worker* self, enum site site, struct block* old) {
    size_t size = size_for(self, site);
    size_t alignment = (size_t)16 << (next_random(self) % 6);
    if (old) {
        check_block(old);
        count_release(self, old);
    }
    struct block block = {call_site(site, old ? old->address : NULL, alignment, &size), size, site, epoch};
    if (!block.address) die("out of memory");
    mark_block(&block);
    self->sites[site].acquired_count++;
    self->sites[site].acquired_bytes += size;
    return block;
}

static void release(struct worker* self, struct block* block) {
    check_block(block);
    count_release(self, block);
    site_free(block->address);
}

static int pool_put(struct worker* self, const struct block* block) {
    struct stripe* stripe = &stripes[next_random(self) % kStripes];
    pthread_mutex_lock(&stripe->lock);
    int fits = stripe->count < kStripeBlocks;
    if (fits) stripe->blocks[stripe->count++] = *block;
    pthread_mutex_unlock(&stripe->lock);
    return fits;
}

static int pool_take(struct worker* self, struct block* block) {
    struct stripe* stripe = &stripes[next_random(self) % kStripes];
    uint64_t random = next_random(self);
    pthread_mutex_lock(&stripe->lock);
    int found = stripe->count > 0;
    if (found) {
        size_t index = random % stripe->count;
        *block = stripe->blocks[index];
        stripe->blocks[index] = stripe->blocks[--stripe->count];
    }
    pthread_mutex_unlock(&stripe->lock);
    return found;
}

static void step(struct worker* self) {
    uint64_t random = next_random(self) % 100;
    struct block block;
    if (random < 40) {  // dies young, freed by its own thread
        block = acquire(self, (enum site)(random % kFreshSites), NULL);
        release(self, &block);
    } else if (random < 70) {
        block = acquire(self, (enum site)(random % kFreshSites), NULL);
        if (!pool_put(self, &block)) release(self, &block);
    } else if (pool_take(self, &block)) {
        if (random < 80) {
            block = acquire(self, random & 1 ? SITE_site_realloc : SITE_site_reallocarray, &block);
            if (!pool_put(self, &block)) release(self, &block);
        } else {
            release(self, &block);
        }
    }
    atomic_store_explicit(&self->operations, atomic_load_explicit(&self->operations, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void keep_one_of_each(struct worker* self) {
    for (int site = 0; site < kSites; site++) {
        if (self->kept_count == kHeldAtStop) return;
        struct block old = acquire(self, SITE_site_malloc, NULL);
        if (site >= (int)kFreshSites) {
            self->kept[self->kept_count++] = acquire(self, (enum site)site, &old);
        } else {
            release(self, &old);
            self->kept[self->kept_count++] = acquire(self, (enum site)site, NULL);
        }
    }
}

static void* work(void* argument) {
    struct worker* self = argument;
    uint64_t seen_round = 0;
    for (;;) {
        pthread_mutex_lock(&gate_lock);
        parked_count++;
        pthread_cond_signal(&gate_parked);
        while (gate_round == seen_round) pthread_cond_wait(&gate_opened, &gate_lock);
        seen_round = gate_round;
        pthread_mutex_unlock(&gate_lock);
        while (atomic_load_explicit(&running, memory_order_relaxed)) step(self);
        keep_one_of_each(self);
    }
    return NULL;
}

static void await_parked(void) {
    pthread_mutex_lock(&gate_lock);
    while (parked_count < worker_count) pthread_cond_wait(&gate_parked, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t operations_so_far(void) {
    uint64_t sum = 0;
    for (size_t i = 0; i < worker_count; i++) sum += atomic_load(&workers[i].operations);
    return sum;
}

static double started_s;
static uint64_t started_operations;

static void start(void) {
    started_s = now_s();
    started_operations = operations_so_far();
    pthread_mutex_lock(&gate_lock);
    atomic_store(&running, 1);
    parked_count = 0;
    gate_round++;
    pthread_cond_broadcast(&gate_opened);
    pthread_mutex_unlock(&gate_lock);
}

static void stop(void) {
    double seconds = now_s() - started_s;
    uint64_t operations = operations_so_far() - started_operations;
    atomic_store(&running, 0);
    await_parked();
    puppet_answer("DONE ops=%llu seconds=%.3f rate=%.0f", (unsigned long long)operations, seconds,
                  (double)operations / seconds);
}

static void run_for(double seconds) {
    start();
    struct timespec rest = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&rest, &rest) != 0) {}
    stop();
}

static void mark(void) {
    epoch++;
    for (size_t i = 0; i < worker_count; i++) {
        memset(workers[i].sites, 0, sizeof workers[i].sites);
        workers[i].unknown_released = 0;
    }
    puppet_answer("DONE mark");
}

static void drain(void) {
    struct worker* self = &workers[0];
    for (size_t i = 0; i < kStripes; i++) {
        while (stripes[i].count > 0) release(self, &stripes[i].blocks[--stripes[i].count]);
    }
    for (size_t i = 0; i < worker_count; i++) {
        while (workers[i].kept_count > 0) release(self, &workers[i].kept[--workers[i].kept_count]);
    }
    puppet_answer("DONE drain");
}

static void print_ledger(void) {
    static char text[kPuppetAnswerMax / 2];
    size_t used = 0;
    uint64_t unknown = 0;
    for (size_t i = 0; i < worker_count; i++) unknown += workers[i].unknown_released;
    for (int site = 0; site < kSites; site++) {
        struct counters sum = {0};
        for (size_t i = 0; i < worker_count; i++) {
            const struct counters* one = &workers[i].sites[site];
            sum.acquired_count += one->acquired_count;
            sum.acquired_bytes += one->acquired_bytes;
            sum.released_count += one->released_count;
            sum.released_bytes += one->released_bytes;
        }
        used +=
            (size_t)snprintf(text + used, sizeof text - used,
                             "%s{\"function\":\"%s\",\"symbol\":\"%s\",\"acquired\":{\"count\":%llu,\"bytes\":%llu},"
                             "\"released\":{\"count\":%llu,\"bytes\":%llu}}",
                             site ? "," : "", kSiteNames[site], kSiteSymbols[site],
                             (unsigned long long)sum.acquired_count, (unsigned long long)sum.acquired_bytes,
                             (unsigned long long)sum.released_count, (unsigned long long)sum.released_bytes);
    }
    puppet_answer("DONE {\"sites\":[%s],\"unknown_released\":%llu}", text, (unsigned long long)unknown);
}

int main(int argc, char** argv) {
    if (argc > 1) worker_count = (size_t)atoi(argv[1]);
    if (worker_count < 1 || worker_count > kMaxThreads) die("THREADS must be 1 to 64");
    for (size_t i = 0; i < kStripes; i++) pthread_mutex_init(&stripes[i].lock, NULL);
    for (size_t i = 0; i < worker_count; i++) {
        workers[i].random = 0x9e3779b97f4a7c15ULL * (i + 1);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("pthread_create");
    }
    await_parked();
    puppet_answer("DONE ready");
    static char line[kPuppetLineMax];
    while (puppet_read_line(line)) {
        double seconds = 0;
        if (strcmp(line, "start") == 0) {
            start();
            puppet_answer("DONE start");
        } else if (strcmp(line, "stop") == 0) {
            stop();
        } else if (sscanf(line, "run %lf", &seconds) == 1) {
            run_for(seconds);
        } else if (strcmp(line, "mark") == 0) {
            mark();
        } else if (strcmp(line, "ledger") == 0) {
            print_ledger();
        } else if (strcmp(line, "ops") == 0) {
            puppet_answer("DONE %llu", (unsigned long long)operations_so_far());
        } else if (strcmp(line, "drain") == 0) {
            drain();
        } else if (strcmp(line, "quit") == 0) {
            break;
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
