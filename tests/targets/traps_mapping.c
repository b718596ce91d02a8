// mmap, munmap and mremap within an arena of pages, so that a test can say exactly which pages are mapped where. The arena
// itself is reserved by raw system calls, which a tracer of library functions does not see.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "traps_common.h"

enum { kPage = 4096, kArenaPages = 4096 };

static char* arena;

static char* page(unsigned long index) {
    if (!arena) {
        arena = (char*)syscall(SYS_mmap, NULL, (size_t)kArenaPages * kPage, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    return arena + index * kPage;
}

static WH_SITE void* trap_mmap(void* address, size_t size, int flags) {
    void* mapping = mmap(address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    WH_KEEP(mapping);
    return mapping;
}

static WH_SITE void* trap_mremap(void* old, size_t old_size, size_t size, int flags, void* address) {
    void* mapping = mremap(old, old_size, size, flags, address);
    WH_KEEP(mapping);
    return mapping;
}

static void answer_mapping(const void* mapping) {
    if (mapping == MAP_FAILED) {
        puppet_answer("DONE failed");
    } else {
        puppet_answer("DONE %p", mapping);
    }
}

// map FIRST PAGES: at this place of the arena, over whatever is there.
static void run_map(const char* arguments) {
    unsigned long first = 0, pages = 0;
    if (sscanf(arguments, "%lu %lu", &first, &pages) != 2) {
        puppet_answer("FAIL map FIRST PAGES");
        return;
    }
    answer_mapping(trap_mmap(page(first), pages * kPage, MAP_FIXED));
}

// map_bytes FIRST BYTES: a size that is not of whole pages.
static void run_map_bytes(const char* arguments) {
    unsigned long first = 0, bytes = 0;
    if (sscanf(arguments, "%lu %lu", &first, &bytes) != 2) {
        puppet_answer("FAIL map_bytes FIRST BYTES");
        return;
    }
    answer_mapping(trap_mmap(page(first), bytes, MAP_FIXED));
}

// unmap FIRST PAGES
static void run_unmap(const char* arguments) {
    unsigned long first = 0, pages = 0;
    if (sscanf(arguments, "%lu %lu", &first, &pages) != 2) {
        puppet_answer("FAIL unmap FIRST PAGES");
        return;
    }
    puppet_answer("DONE %d", munmap(page(first), pages * kPage));
}

// unmap_unaligned FIRST PAGES: fails, the address is not that of a page.
static void run_unmap_unaligned(const char* arguments) {
    unsigned long first = 0, pages = 0;
    if (sscanf(arguments, "%lu %lu", &first, &pages) != 2) {
        puppet_answer("FAIL unmap_unaligned FIRST PAGES");
        return;
    }
    puppet_answer("DONE %d", munmap(page(first) + 8, pages * kPage));
}

// hole FIRST PAGES: unmaps by a raw system call, so that the kernel may use the place.
static void run_hole(const char* arguments) {
    unsigned long first = 0, pages = 0;
    if (sscanf(arguments, "%lu %lu", &first, &pages) != 2) {
        puppet_answer("FAIL hole FIRST PAGES");
        return;
    }
    puppet_answer("DONE %ld", syscall(SYS_munmap, page(first), pages * kPage));
}

// remap FIRST OLD_PAGES PAGES [maymove | fixed WHERE | dontunmap]
static void run_remap(const char* arguments) {
    unsigned long first = 0, old_pages = 0, pages = 0, where = 0;
    char how[16] = "";
    if (sscanf(arguments, "%lu %lu %lu %15s %lu", &first, &old_pages, &pages, how, &where) < 3) {
        puppet_answer("FAIL remap FIRST OLD_PAGES PAGES [HOW]");
        return;
    }
    int flags = 0;
    if (strcmp(how, "maymove") == 0) flags = MREMAP_MAYMOVE;
    if (strcmp(how, "fixed") == 0) flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    if (strcmp(how, "dontunmap") == 0) flags = MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */;
    char* mapping = trap_mremap(page(first), old_pages * kPage, pages * kPage, flags, page(where));
    if (mapping == MAP_FAILED) {
        puppet_answer("DONE failed");
    } else if (mapping == page(first)) {
        puppet_answer("DONE in place");
    } else {
        puppet_answer("DONE moved");
    }
}

// grow_raw MIB: memory that no library function asked for.
static void run_grow_raw(const char* arguments) {
    size_t size = (size_t)atoi(arguments) << 20;
    char* memory = (char*)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i += kPage) memory[i] = 1;
    puppet_answer("DONE");
}

const struct trap_command kMappingCommands[] = {
    {"map", run_map},           {"map_bytes", run_map_bytes},
    {"unmap", run_unmap},       {"unmap_unaligned", run_unmap_unaligned},
    {"hole", run_hole},         {"remap", run_remap},
    {"grow_raw", run_grow_raw}, {NULL, NULL},
};
