// A worker that allocates and frees 50,000 times a second, and once a second writes an audit entry of 1 KiB that it keeps.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

enum { kMostEntries = 1 << 16 };

static char* entries[kMostEntries];
static unsigned entry_count;

static VERDICT_CALL void record_audit(unsigned request) {
    char text[1001];
    const size_t length = (size_t)snprintf(text, sizeof text, "request %u by nobody ", request);
    memset(text + length, '.', sizeof text - 1 - length);
    text[sizeof text - 1] = 0;
    entries[entry_count % kMostEntries] = strdup(text);  // LEAK HERE
    entry_count++;
}

static VERDICT_CALL void handle_request(unsigned request) {
    char* headers = malloc(verdict_between(16, 900));
    char* body = malloc(verdict_between(100, 5000));
    if (headers && body) headers[0] = body[0] = (char)request;
    free(body);
    free(headers);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned request = 0, turn = 0;; turn++) {
        verdict_pace(250);
        for (int i = 0; i < 100; i++) handle_request(request++);
        if (turn % 250 == 0) record_audit(request);
    }
}
