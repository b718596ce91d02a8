// One request of a hundred is malformed, and the way out for these forgets the request; 300 requests a second.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

struct request {
    char* path;
    char body[1900];
};

static VERDICT_CALL struct request* parse_request(const char* line) {
    struct request* request = calloc(1, sizeof *request);  // LEAK HERE
    if (!request) abort();
    request->path = strchr(line, ' ') ? strdup(strchr(line, ' ') + 1) : NULL;
    return request;
}

static VERDICT_CALL int handle_request(const char* line) {
    struct request* request = parse_request(line);
    if (!request->path) return 400;
    snprintf(request->body, sizeof request->body, "<h1>%s</h1>", request->path);
    free(request->path);
    free(request);
    return 200;
}

int main(int argc, char** argv) {
    unsigned long bad = 0;
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(300);
        bad += handle_request(verdict_random() % 100 == 0 ? "GARBAGE" : "GET /item/4711") != 200;
        if (bad == (unsigned long)-1) break;
    }
}
