// A thread for each export, which ends soon and which nobody joins: its stack stays. Two a second.
// expect: leak of thread joinable
#include <pthread.h>
#include <string.h>

#include "support/verdict.h"

struct export_job {
    pthread_t thread;
    char name[40];
};

static void* write_export(void* argument) {
    struct export_job* job = argument;
    const size_t length = strlen(job->name);
    free(job);
    return (void*)length;
}

static VERDICT_CALL void start_export(unsigned number) {
    struct export_job* job = calloc(1, sizeof *job);
    if (!job) return;
    snprintf(job->name, sizeof job->name, "export %u", number);
    if (pthread_create(&job->thread, NULL, write_export, job) != 0) abort();  // LEAK HERE
}

static VERDICT_CALL void handle_request(unsigned number) {
    char* answer = strdup("202 accepted");
    if (number % 25 == 0) start_export(number);
    free(answer);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(50);
        handle_request(number);
    }
}
