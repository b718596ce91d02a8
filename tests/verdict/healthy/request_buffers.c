// A buffer and some strings for each request, 1,500 a second, all of them freed.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

struct request {
    char* buffer;
    char* fields[4];
};

static VERDICT_CALL struct request* read_request(unsigned number) {
    struct request* request = calloc(1, sizeof *request);
    if (!request) abort();
    request->buffer = malloc(verdict_between(500, 20000));
    for (int i = 0; i < 4; i++)
        if (asprintf(&request->fields[i], "field %d of request %u", i, number) < 0) abort();
    return request;
}

static VERDICT_CALL void end_request(struct request* request) {
    for (int i = 0; i < 4; i++) free(request->fields[i]);
    free(request->buffer);
    free(request);
}

int main(int argc, char** argv) {
    enum { kInFlight = 30 };
    struct request* in_flight[kInFlight] = {NULL};
    verdict_start(argc, argv);
    for (unsigned number = 0;;) {
        verdict_pace(150);
        for (int i = 0; i < 10; i++, number++) {
            struct request** place = &in_flight[verdict_random() % kInFlight];
            if (*place) end_request(*place);
            *place = read_request(number);
        }
    }
}
