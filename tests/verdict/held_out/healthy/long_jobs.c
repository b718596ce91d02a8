// Two jobs begin each second and last 15 seconds, each with a thread and memory: after 15 seconds as many end as begin.
// expect: quiet
#include <pthread.h>
#include <string.h>

#include "support/verdict.h"

static void* run(void* argument) {
    char* memory = calloc(1, 50000);
    const struct timespec nap = {0, 100000000};
    const double end = verdict_time() + 15;
    while (verdict_time() < end) nanosleep(&nap, NULL);
    free(memory);
    free(argument);
    return NULL;
}

static VERDICT_CALL void start_job(unsigned number) {
    pthread_t thread;
    char* name = NULL;
    if (asprintf(&name, "job %u", number) < 0 || pthread_create(&thread, NULL, run, name) != 0) abort();
    pthread_detach(thread);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(2);
        start_job(number);
    }
}
