// A job whose data grows takes a megabyte more each second than the last time, for a moment, and frees it. One block above
// it, replaced each time, keeps the allocator from giving the memory back: the process grows, what is held does not.
// expect: fragmentation
#include <string.h>

#include "support/verdict.h"

enum { kBlockBytes = 40000, kBlocksMore = 26, kMostBlocks = 6000 };

static char* summary;

static VERDICT_CALL char* take_block(size_t bytes) {
    char* block = malloc(bytes);
    if (!block) abort();
    memset(block, 1, bytes);
    return block;
}

static VERDICT_CALL void run_job(int count) {
    static char* blocks[kMostBlocks];
    for (int i = 0; i < count; i++) blocks[i] = take_block(kBlockBytes);
    char* above = take_block(kBlockBytes);  // nothing that is free fits
    for (int i = 0; i < count; i++) free(blocks[i]);
    free(summary);
    summary = above;
}

int main(int argc, char** argv) {
    int count = kBlocksMore;
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(1);
        run_job(count);
        if (count + kBlocksMore <= kMostBlocks) count += kBlocksMore;
    }
}
