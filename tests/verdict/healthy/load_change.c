// From second 30 on there are twice as many requests, and each has its memory while it is in flight: more is held, nothing leaks.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kMostInFlight = 512 };

struct request {
    double ends_at;
    char* body;
};

static struct request* in_flight[kMostInFlight];
static int in_flight_count;

static VERDICT_CALL struct request* begin_request(void) {
    struct request* request = malloc(sizeof *request);
    if (!request) abort();
    request->body = malloc(verdict_between(8000, 24000));
    request->ends_at = verdict_clock() + verdict_between(300, 700) / 1000.0;
    if (request->body) memset(request->body, 1, 8000);
    return request;
}

static VERDICT_CALL void end_requests(void) {
    for (int i = 0; i < in_flight_count; i++) {
        if (in_flight[i]->ends_at > verdict_clock()) continue;
        free(in_flight[i]->body);
        free(in_flight[i]);
        in_flight[i--] = in_flight[--in_flight_count];
    }
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(verdict_time() < 30 ? 100 : 200);
        end_requests();
        if (in_flight_count < kMostInFlight) in_flight[in_flight_count++] = begin_request();
    }
}
