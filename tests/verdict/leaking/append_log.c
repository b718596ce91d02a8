// A log in memory: one vector that grows by realloc and is never cut.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

enum { kStepBytes = 32 << 10 };

struct log {
    char* text;
    size_t size, capacity;
};

static struct log events;

static VERDICT_CALL void reserve(struct log* log, size_t more) {
    if (log->size + more <= log->capacity) return;
    log->capacity += kStepBytes;
    log->text = realloc(log->text, log->capacity);  // LEAK HERE
    if (!log->text) abort();
}

static VERDICT_CALL void append(struct log* log, const char* line) {
    const size_t size = strlen(line);
    reserve(log, size);
    memcpy(log->text + log->size, line, size);
    log->size += size;
}

static VERDICT_CALL void handle_request(unsigned request) {
    char* line = NULL;
    if (asprintf(&line, "request %u took %u us and returned 200, user agent Mozilla/5.0 (X11; Linux)\n", request,
                 verdict_between(100, 9000)) < 0)
        return;
    append(&events, line);
    free(line);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned request = 0;; request++) {
        verdict_pace(500);
        handle_request(request);
    }
}
