// The call sites of the puppet `ledger`: one function each, so that the caller of the allocator names the site.
#ifndef WHOHOLDS_TESTS_LEDGER_SITES_H
#define WHOHOLDS_TESTS_LEDGER_SITES_H

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "puppet.h"

// X(function, symbol, odd residue of its sizes): acquire sites. The sizes of a site are congruent to its residue modulo 64.
#define LEDGER_SITES(X)                          \
    X(site_malloc, "malloc", 1)                  \
    X(site_malloc_other, "malloc", 3)            \
    X(site_calloc, "calloc", 5)                  \
    X(site_realloc_null, "realloc", 7)           \
    X(site_memalign, "memalign", 9)              \
    X(site_posix_memalign, "posix_memalign", 11) \
    X(site_aligned_alloc, "aligned_alloc", 13)   \
    X(site_realloc, "realloc", 15)               \
    X(site_reallocarray, "reallocarray", 17)

enum site {
#define X(function, symbol, residue) SITE_##function,
    LEDGER_SITES(X)
#undef X
        kSites,
    kFreshSites = SITE_site_realloc,  // those that take no old block
};

static const char* const kSiteNames[kSites] = {
#define X(function, symbol, residue) #function,
    LEDGER_SITES(X)
#undef X
};
static const char* const kSiteSymbols[kSites] = {
#define X(function, symbol, residue) symbol,
    LEDGER_SITES(X)
#undef X
};
static const size_t kSiteResidues[kSites] = {
#define X(function, symbol, residue) residue,
    LEDGER_SITES(X)
#undef X
};

static WH_SITE void* site_malloc(size_t size) {
    void* address = malloc(size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_malloc_other(size_t size) {
    void* address = malloc(size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_calloc(size_t count, size_t size) {
    void* address = calloc(count, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_realloc_null(size_t size) {
    void* nothing = NULL;
    WH_KEEP(nothing);
    void* address = realloc(nothing, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_memalign(size_t alignment, size_t size) {
    void* address = memalign(alignment, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_posix_memalign(size_t alignment, size_t size) {
    void* address = NULL;
    int failed = posix_memalign(&address, alignment, size);
    WH_KEEP(address);
    return failed ? NULL : address;
}

static WH_SITE void* site_aligned_alloc(size_t alignment, size_t size) {
    void* address = aligned_alloc(alignment, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_realloc(void* old, size_t size) {
    void* address = realloc(old, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void* site_reallocarray(void* old, size_t count, size_t size) {
    void* address = reallocarray(old, count, size);
    WH_KEEP(address);
    return address;
}

static WH_SITE void site_free(void* address) {
    free(address);
    __asm__ volatile("" : : : "memory");
}

// Makes *size what was really asked for, if the site asks for several.
static void* call_site(enum site site, void* old, size_t alignment, size_t* size) {
    switch (site) {
        case SITE_site_malloc: return site_malloc(*size);
        case SITE_site_malloc_other: return site_malloc_other(*size);
        case SITE_site_calloc: *size *= 3; return site_calloc(3, *size / 3);
        case SITE_site_realloc_null: return site_realloc_null(*size);
        case SITE_site_memalign: return site_memalign(alignment, *size);
        case SITE_site_posix_memalign: return site_posix_memalign(alignment, *size);
        case SITE_site_aligned_alloc: return site_aligned_alloc(alignment, *size);
        case SITE_site_realloc: return site_realloc(old, *size);
        case SITE_site_reallocarray: *size *= 5; return site_reallocarray(old, 5, *size / 5);
        default: return NULL;
    }
}

#endif
