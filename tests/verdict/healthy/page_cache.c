// Writes a file of a few MB a second and reads it again: the page cache that is counted to its container grows, the process
// does not.
// expect: quiet or page_cache
// needs: cgroup
#include <string.h>

#include "support/verdict.h"

enum { kBlockBytes = 256 << 10, kMostBlocks = 1200 };

static VERDICT_CALL void write_block(FILE* file, unsigned number) {
    char* block = malloc(kBlockBytes);
    if (!block) abort();
    memset(block, (int)(number & 255), kBlockBytes);
    if (fwrite(block, kBlockBytes, 1, file) != 1) perror("fwrite");
    fflush(file);
    free(block);
}

int main(int argc, char** argv) {
    FILE* file = tmpfile();
    if (!file) return 3;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(12);
        if (number < kMostBlocks) write_block(file, number);
    }
}
