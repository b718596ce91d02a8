// The last 2,000 events in a ring: it fills for ten seconds, then each new event frees the oldest.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kPlaces = 2000 };

static char* ring[kPlaces];

static VERDICT_CALL char* format_event(unsigned number) {
    char text[400];
    snprintf(text, sizeof text, "event %u: %.*s", number, (int)verdict_between(50, 300),
             "........................................................................................................."
             "......."
             "........................................................................................................."
             "......."
             "........................................................................................................."
             ".......");
    char* event = strdup(text);
    if (!event) abort();
    return event;
}

static VERDICT_CALL void remember(unsigned number) {
    char** place = &ring[number % kPlaces];
    free(*place);
    *place = format_event(number);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(200 / verdict_stretch);
        remember(number);
    }
}
