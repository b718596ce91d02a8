// Scratch memory from mmap for each picture; those that are too small to be scaled do not give it back. 20 a second, one of
// ten is small.
// expect: leak of mapping
#include <string.h>
#include <sys/mman.h>

#include "support/verdict.h"

static VERDICT_CALL void* map_scratch(size_t bytes) {
    void* scratch = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);  // LEAK HERE
    if (scratch == MAP_FAILED) abort();
    memset(scratch, 1, 4096);
    return scratch;
}

static VERDICT_CALL int scale_picture(unsigned width) {
    const size_t bytes = 256 << 10;
    void* scratch = map_scratch(bytes);
    if (width < 100) return -1;
    memset(scratch, 2, 8192);
    return munmap(scratch, bytes);
}

int main(int argc, char** argv) {
    unsigned long failed = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(20);
        failed += scale_picture(number % 10 == 0 ? 50 : 600) != 0;
        if (failed == (unsigned long)-1) break;
    }
}
