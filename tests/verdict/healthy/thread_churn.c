// Threads for short jobs, 40 a second, in batches that are joined.
// expect: quiet
#include <pthread.h>

#include "support/verdict.h"

enum { kBatch = 4 };

static void* compress(void* argument) {
    char* block = malloc(60000);
    if (block) block[0] = *(char*)argument;
    free(block);
    return NULL;
}

static VERDICT_CALL void run_batch(char* seed) {
    pthread_t threads[kBatch];
    for (int i = 0; i < kBatch; i++)
        if (pthread_create(&threads[i], NULL, compress, seed) != 0) abort();
    for (int i = 0; i < kBatch; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char** argv) {
    char seed = 1;
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(10);
        run_batch(&seed);
    }
}
