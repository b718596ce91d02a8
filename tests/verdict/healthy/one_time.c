// In the middle of the run a model of 60 MB is loaded, in blocks of 1 MB, and kept.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kBlocks = 60, kBlockBytes = 1000000 };

static char* model[kBlocks];

static VERDICT_CALL void load_model(void) {
    for (int i = 0; i < kBlocks; i++) {
        model[i] = malloc(kBlockBytes);
        if (!model[i]) abort();
        memset(model[i], i, kBlockBytes);
    }
}

static VERDICT_CALL size_t handle_request(unsigned number) {
    char* answer = NULL;
    const int size = asprintf(&answer, "answer %u: %d", number, model[0] ? model[number % kBlocks][0] : 0);
    free(answer);
    return (size_t)size;
}

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(300);
        if (!model[0] && verdict_time() > 30) load_model();
        total += handle_request(number);
        if (total == (size_t)-1) break;
    }
}
