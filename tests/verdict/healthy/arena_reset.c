// An arena takes 64 KiB chunks while a document is parsed, keeps eight of them at the end of it and frees the others.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kChunkBytes = 64 << 10, kKept = 8, kMostChunks = 256 };

static struct {
    char* chunks[kMostChunks];
    int chunk_count, chunk;
    size_t used;
} arena;

static VERDICT_CALL void add_chunk(void) {
    if (arena.chunk_count == kMostChunks) abort();
    arena.chunks[arena.chunk_count] = malloc(kChunkBytes);
    if (!arena.chunks[arena.chunk_count++]) abort();
}

static VERDICT_CALL char* arena_alloc(size_t bytes) {
    if (arena.used + bytes > kChunkBytes) {
        arena.chunk++;
        arena.used = 0;
    }
    if (arena.chunk >= arena.chunk_count) add_chunk();
    arena.used += bytes;
    return arena.chunks[arena.chunk] + arena.used - bytes;
}

static VERDICT_CALL void arena_reset(void) {
    while (arena.chunk_count > kKept) free(arena.chunks[--arena.chunk_count]);
    arena.chunk = 0;
    arena.used = 0;
}

static VERDICT_CALL void parse_document(void) {
    const unsigned nodes = verdict_between(500, 9000);
    for (unsigned i = 0; i < nodes; i++) memset(arena_alloc(verdict_between(20, 200)), 1, 20);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(10);
        parse_document();
        arena_reset();
    }
}
