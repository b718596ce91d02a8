// Load in waves of 40 seconds, each request with 20 KB for two seconds. At the end of the minute it is about to fall again.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kMost = 2048 };

struct request {
    double ends_at;
    char* body;
};

static struct request in_flight[kMost];
static int in_flight_count;

static VERDICT_CALL void begin_request(void) {
    if (in_flight_count == kMost) return;
    char* body = calloc(1, verdict_between(10000, 30000));
    if (!body) abort();
    in_flight[in_flight_count++] = (struct request){verdict_time() + 2, body};
}

static VERDICT_CALL void end_requests(void) {
    for (int i = 0; i < in_flight_count; i++) {
        if (in_flight[i].ends_at > verdict_time()) continue;
        free(in_flight[i].body);
        in_flight[i--] = in_flight[--in_flight_count];
    }
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        const double phase = verdict_time() / 40 - (double)(int)(verdict_time() / 40);
        verdict_pace(30 + 200 * (phase < 0.5 ? phase : 1 - phase));
        end_requests();
        begin_request();
    }
}
