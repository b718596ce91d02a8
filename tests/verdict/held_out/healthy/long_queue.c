// A queue of two minutes that was full before anybody looked: 100 messages come and 100 go each second, and none that comes is
// seen to go.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kLength = 12000 };

static char* queue[kLength];
static unsigned next_place;

static VERDICT_CALL char* receive(unsigned number) {
    char text[200];
    memset(text, '.', sizeof text);
    snprintf(text, sizeof text, "message %u%*s", number, (int)verdict_between(50, 150), "");
    char* message = strdup(text);
    if (!message) abort();
    return message;
}

static VERDICT_CALL void turn(unsigned number) {
    char** place = &queue[next_place++ % kLength];
    free(*place);
    *place = receive(number);
}

int main(int argc, char** argv) {
    unsigned number = 0;
    while (number < kLength) turn(number++);
    verdict_start(argc, argv);
    for (;; number++) {
        verdict_pace(100);
        turn(number);
    }
}
