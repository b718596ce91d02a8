// Temporary files: made, unlinked, written, read again and closed; 20 a second, some of them open for a while.
// expect: quiet
#include "support/verdict.h"

enum { kOpen = 30 };

static FILE* open_files[kOpen];

static VERDICT_CALL FILE* make_temporary(unsigned number) {
    FILE* file = tmpfile();
    if (!file) abort();
    fprintf(file, "part %u", number);
    return file;
}

static VERDICT_CALL void spill(unsigned number) {
    FILE** place = &open_files[verdict_random() % kOpen];
    if (*place) fclose(*place);
    *place = make_temporary(number);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(20);
        spill(number);
    }
}
