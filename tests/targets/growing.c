// growing: holds more and more memory, resident at once, from two places; and gives all of it back.
//   here BYTES, there BYTES   one block, written to: grow_here() or grow_there() called malloc
//   free                      all blocks
#include <stdlib.h>

#include "puppet.h"

enum { kMostBlocks = 1024 };

static void* blocks[kMostBlocks];
static size_t block_count;

static WH_SITE void* grow_here(size_t bytes) {
    void* block = malloc(bytes);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* grow_there(size_t bytes) {
    void* block = malloc(bytes);
    WH_KEEP(block);
    return block;
}

static void keep(void* block, size_t bytes) {
    if (!block) {
        puppet_answer("FAIL malloc");
        return;
    }
    memset(block, 1, bytes);
    blocks[block_count++] = block;
    puppet_answer("DONE");
}

int main(void) {
    static char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) {
        if (block_count == kMostBlocks) {
            puppet_answer("FAIL too many blocks");
        } else if (strncmp(line, "here ", 5) == 0) {
            const size_t bytes = strtoull(line + 5, NULL, 10);
            keep(grow_here(bytes), bytes);
        } else if (strncmp(line, "there ", 6) == 0) {
            const size_t bytes = strtoull(line + 6, NULL, 10);
            keep(grow_there(bytes), bytes);
        } else if (strcmp(line, "free") == 0) {
            while (block_count > 0) free(blocks[--block_count]);
            puppet_answer("DONE");
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
