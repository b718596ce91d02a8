/* A C program that loads Go code while it runs (go_library.go). Commands:
     load PATH       the library, once
     live COUNT, churn COUNT, listen COUNT     what the library does, from a thread of C
     ledger          how many goroutines it has created, and how many of them have ended */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "puppet.h"

static void* library;

struct job {
    void (*run)(int);
    int count;
};

static void* run_job(void* argument) {
    const struct job* job = argument;
    job->run(job->count);
    return NULL;
}

static long number_of(const char* function) {
    long (*get)(void) = (long (*)(void))dlsym(library, function);
    return get == NULL ? -1 : get();
}

static void do_job(const char* word, int count) {
    char name[64];
    snprintf(name, sizeof name, "go_library_%s", word);
    struct job job = {.run = (void (*)(int))dlsym(library, name), .count = count};
    pthread_t thread;
    if (job.run == NULL || pthread_create(&thread, NULL, run_job, &job) != 0 || pthread_join(thread, NULL) != 0) {
        puppet_answer("FAIL %s", word);
        return;
    }
    puppet_answer("DONE");
}

static void obey(const char* line) {
    char word[32] = "";
    char rest[kPuppetLineMax] = "";
    sscanf(line, "%31s %4095s", word, rest);
    if (strcmp(word, "load") == 0) {
        library = dlopen(rest, RTLD_NOW);
        puppet_answer("%s", library == NULL ? dlerror() : "DONE");
    } else if (strcmp(word, "ledger") == 0) {
        puppet_answer("DONE {\"created\":%ld,\"ended\":%ld}", number_of("go_library_created"),
                      number_of("go_library_ended"));
    } else if (library == NULL) {
        puppet_answer("FAIL nothing is loaded");
    } else {
        do_job(word, atoi(rest));
    }
}

int main(void) {
    static char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) obey(line);
    return 0;
}
