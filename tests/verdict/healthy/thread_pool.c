// A pool that starts another worker while there is work, one a second, up to 16.
// expect: quiet
#include <pthread.h>

#include "support/verdict.h"

enum { kMostWorkers = 16 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static unsigned waiting_jobs;

static void* work(void* argument) {
    char* scratch = malloc(10000);
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (waiting_jobs == 0) pthread_cond_wait(&queued, &mutex);
        waiting_jobs--;
        pthread_mutex_unlock(&mutex);
        if (scratch) snprintf(scratch, 10000, "job of %p", argument);
    }
    return NULL;
}

static VERDICT_CALL void add_worker(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) abort();
    pthread_detach(thread);
}

static VERDICT_CALL void submit(void) {
    static int workers;
    if (workers < kMostWorkers && verdict_time() > workers) {
        workers++;
        add_worker();
    }
    pthread_mutex_lock(&mutex);
    waiting_jobs++;
    pthread_cond_signal(&queued);
    pthread_mutex_unlock(&mutex);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(100);
        submit();
    }
}
