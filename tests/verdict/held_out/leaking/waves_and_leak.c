// Load in waves of 30 seconds with memory in flight, and beneath them one request of fifty that is forgotten.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

enum { kMost = 4096 };

struct request {
    double ends_at;
    char body[5000];
};

static struct request* in_flight[kMost];
static int in_flight_count;

static VERDICT_CALL struct request* begin_request(void) {
    struct request* request = malloc(sizeof *request);  // LEAK HERE
    if (!request) abort();
    memset(request->body, 1, sizeof request->body);
    request->ends_at = verdict_clock() + 1;
    return request;
}

static VERDICT_CALL void end_requests(void) {
    for (int i = 0; i < in_flight_count; i++) {
        if (in_flight[i]->ends_at > verdict_clock()) continue;
        free(in_flight[i]);
        in_flight[i--] = in_flight[--in_flight_count];
    }
}

int main(int argc, char** argv) {
    unsigned long timed_out = 0;
    verdict_start(argc, argv);
    for (;;) {
        const double phase = verdict_time() / 30 - (double)(int)(verdict_time() / 30);
        verdict_pace(40 + 160 * (phase < 0.5 ? phase : 1 - phase) * 2);
        end_requests();
        struct request* request = begin_request();
        if (verdict_random() % 50 == 0 || in_flight_count == kMost)
            timed_out += request->ends_at > 0;
        else
            in_flight[in_flight_count++] = request;
        if (timed_out == (unsigned long)-1) break;
    }
}
