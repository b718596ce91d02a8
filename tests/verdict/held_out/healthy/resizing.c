// One buffer that is made larger and smaller with realloc, as each message needs it, for ever.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

static char* buffer;

static VERDICT_CALL void fit(size_t bytes) {
    buffer = realloc(buffer, bytes);
    if (!buffer) abort();
    memset(buffer, 1, bytes < 4096 ? bytes : 4096);
}

static VERDICT_CALL void handle_message(void) { fit(1 + (size_t)verdict_between(1, 400) * verdict_between(1, 3000)); }

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(30);
        handle_message();
    }
}
