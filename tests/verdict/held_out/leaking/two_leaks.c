// Two leaks, one of them a hundred times faster than the other: it is the one to begin with.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

static void* last[2];

static VERDICT_CALL void remember_picture(void) {
    char* picture = malloc(20000);  // LEAK HERE
    if (!picture) abort();
    memset(picture, 1, 20000);
    last[0] = picture;
}

static VERDICT_CALL void remember_name(unsigned number) {
    char* name = NULL;
    if (asprintf(&name, "picture %u, as it was named by whoever made it, in a place that nobody remembers", number) < 0)
        abort();
    last[1] = name;
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(10);
        free(strdup("a request"));
        remember_picture();
        remember_name(number);
    }
}
