// Names made with asprintf, one of ten of which is lost. Built as distributions do: asprintf is then an inline function of a
// header of the C library.
// expect: leak of heap
#define _FORTIFY_SOURCE 2
#include <string.h>

#include "support/verdict.h"

static VERDICT_CALL char* name_of(unsigned number) {
    char* name = NULL;
    if (asprintf(&name, "part-%08u of upload %u by %s", number, number / 10, "somebody") < 0) abort();  // LEAK HERE
    return name;
}

static VERDICT_CALL size_t handle_part(unsigned number) {
    char* name = name_of(number);
    const size_t length = strlen(name);
    if (number % 10 == 0) return length;
    free(name);
    return length;
}

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; total != (size_t)-1; number++) {
        verdict_pace(100);
        total += handle_part(number);
    }
}
