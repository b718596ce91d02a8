// rows: calls the functions of the allocators that are loaded into it (preloaded, or linked statically), each from a call site
// of its own, and says what a tracer must have seen.
//
//   rows             DONE [every name in its table]
//   where NAME       DONE the module that defines it, or DONE none
//   do NAME SIZE     acquires, frees or reallocates SIZE bytes (an odd multiple of 3; of pages for mappings), as the name's role is:
//                    DONE {"function":…,"kind":…,"acquired":{…},"released":{…}}
//   quit
// A name may carry jemalloc's prefix je_. Invariant: no heap use besides those calls.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "puppet.h"
#include "rows_table.h"

#ifdef ROWS_STATIC
#include <malloc.h>
#endif

enum { kAlignment = 64, kCount = 3, kPage = 4096, kArguments = 6, kSites = 256, kNameMax = 128 };

typedef uintptr_t (*function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

struct row {
    const char* name;
    char role;
    const char* form;
    const char* partner;
    const char* kind;
};

static const struct row kRows[] = {
#define X(name, role, form, partner, kind) {name, role, form, partner, kind},
    WH_ROWS(X)
#undef X
};
enum { kRowCount = sizeof kRows / sizeof kRows[0] };
_Static_assert((size_t)kRowCount <= (size_t)kSites, "every row has a call site of its own");

// Call sites row_site_00 to row_site_ff.
typedef uintptr_t (*site)(function, const uintptr_t*);
#define SITE(digits)                                                                                                   \
    static WH_SITE uintptr_t row_site_##digits(function callee, const uintptr_t* arguments) {                          \
        uintptr_t result = callee(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]); \
        WH_KEEP(result);                                                                                               \
        return result;                                                                                                 \
    }
// clang-format off
#define SITES_OF(X, high) \
    X(high##0) X(high##1) X(high##2) X(high##3) X(high##4) X(high##5) X(high##6) X(high##7) \
    X(high##8) X(high##9) X(high##a) X(high##b) X(high##c) X(high##d) X(high##e) X(high##f)
#define ALL_SITES(X) \
    SITES_OF(X, 0) SITES_OF(X, 1) SITES_OF(X, 2) SITES_OF(X, 3) SITES_OF(X, 4) SITES_OF(X, 5) SITES_OF(X, 6) SITES_OF(X, 7) \
    SITES_OF(X, 8) SITES_OF(X, 9) SITES_OF(X, a) SITES_OF(X, b) SITES_OF(X, c) SITES_OF(X, d) SITES_OF(X, e) SITES_OF(X, f)
// clang-format on
ALL_SITES(SITE)

#define SITE_POINTER(digits) row_site_##digits,
static const site kSiteFunctions[kSites] = {ALL_SITES(SITE_POINTER)};

#ifdef ROWS_STATIC
static const struct {
    const char* name;
    void* address;
} kLinked[] = {
    {"malloc", (void*)malloc},
    {"calloc", (void*)calloc},
    {"realloc", (void*)realloc},
    {"reallocarray", (void*)reallocarray},
    {"free", (void*)free},
    {"posix_memalign", (void*)posix_memalign},
    {"aligned_alloc", (void*)aligned_alloc},
    {"memalign", (void*)memalign},
    {"valloc", (void*)valloc},
    {"mmap", (void*)mmap},
    {"munmap", (void*)munmap},
    {"mremap", (void*)mremap},
};

static void* address_of(const char* name) {
    for (size_t i = 0; i < sizeof kLinked / sizeof kLinked[0]; i++) {
        if (strcmp(kLinked[i].name, name) == 0) return kLinked[i].address;
    }
    return NULL;
}

static const char* module_of(void* address) { return address ? "linked" : "none"; }
#else
static void* address_of(const char* name) {
#ifdef __GLIBC__
    // Kept by glibc for old programs only, hidden from a look-up without version; and a look-up that fails takes heap.
    if (strcmp(name, "cfree") == 0) {
        void* old = dlvsym(RTLD_DEFAULT, name, "GLIBC_2.2.5");
        if (old) return old;
    }
#endif
    return dlsym(RTLD_DEFAULT, name);
}

static const char* module_of(void* address) {
    Dl_info info;
    if (!address || !dladdr(address, &info) || !info.dli_fname) return "none";
    const char* slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}
#endif

static const struct row* find_row(const char* name) {
    for (size_t i = 0; i < kRowCount; i++) {
        if (strcmp(kRows[i].name, name) == 0) return &kRows[i];
    }
    return NULL;
}

struct call {
    size_t size;      // whole size, in bytes
    size_t old_size;  // of block
    uintptr_t block;
};

static char nothrow;
static uintptr_t out;

static uintptr_t argument_for(char letter, const struct row* row, const struct call* call) {
    switch (letter) {
        case 's': return strchr(row->form, 'n') ? call->size / kCount : call->size;
        case 'n': return kCount;
        case 'a': return kAlignment;
        case 'o': return (uintptr_t)&out;
        case 'p': return call->block;
        case 'S': return call->old_size;
        case 'e': return call->size;
        case 'h': {
            function heap = (function)address_of("mi_heap_get_default");
            return heap ? heap(0, 0, 0, 0, 0, 0) : 0;
        }
        case 't': return (uintptr_t)&nothrow;
        case '1': return 1;
        case '-': return (uintptr_t)-1;
        case '3': return PROT_READ | PROT_WRITE;
        case 'm': return MAP_PRIVATE | MAP_ANONYMOUS;
        default: return 0;
    }
}

static uintptr_t call_row(size_t site_index, const struct row* row, void* address, const struct call* call) {
    uintptr_t arguments[kArguments] = {0};
    for (size_t i = 0; row->form[i]; i++) arguments[i] = argument_for(row->form[i], row, call);
    out = 0;
    uintptr_t result = kSiteFunctions[site_index]((function)address, arguments);
    return strchr(row->form, 'o') ? out : result;
}

struct seen {
    uint64_t acquired_count, acquired_bytes, released_count, released_bytes;
};

static void answer_seen(size_t site_index, const struct row* row, const struct seen* seen) {
    puppet_answer(
        "DONE {\"function\":\"row_site_%02x\",\"kind\":\"%s\",\"acquired\":{\"count\":%llu,\"bytes\":%llu},"
        "\"released\":{\"count\":%llu,\"bytes\":%llu}}",
        (unsigned)site_index, row->kind, (unsigned long long)seen->acquired_count,
        (unsigned long long)seen->acquired_bytes, (unsigned long long)seen->released_count,
        (unsigned long long)seen->released_bytes);
}

// The partner's block, or 0 after an answer that says why not.
static uintptr_t acquire_by_partner(size_t site_index, const struct row* row, const char* prefix, struct call* call) {
    char name[kNameMax];
    snprintf(name, sizeof name, "%s%s", prefix, row->partner);
    const struct row* partner = find_row(row->partner);
    void* address = address_of(name);
    if (!partner || !address) {
        puppet_answer("FAIL no partner %s", name);
        return 0;
    }
    uintptr_t block = call_row(site_index, partner, address, call);
    if (!block) puppet_answer("FAIL %s returned nothing", name);
    return block;
}

static int reacquires(const struct row* row, uintptr_t result, const struct call* call) {
    return row->role == 'X' ? result >= call->size : result != 0;
}

static void do_row(const char* name, size_t size) {
    const char* prefix = strncmp(name, "je_", 3) == 0 ? "je_" : "";
    const struct row* row = find_row(name + strlen(prefix));
    if (!row) {
        puppet_answer("FAIL no case for %s", name);
        return;
    }
    void* address = address_of(name);
    if (!address) {
        puppet_answer("FAIL %s is not loaded", name);
        return;
    }
    size_t site_index = (size_t)(row - kRows);
    if (strcmp(row->kind, "mapping") == 0) size *= kPage;
    struct call call = {size, size, 0};
    struct seen seen = {1, size, 0, 0};
    if (row->role != 'A') {
        call.block = acquire_by_partner(site_index, row, prefix, &call);
        if (!call.block) return;
        if (row->role != 'F') call.size = strchr(row->form, 'e') ? size - 2 * kCount : size * 3;
    }
    uintptr_t result = call_row(site_index, row, address, &call);
    if (row->role == 'F') {
        seen.released_count = 1;
        seen.released_bytes = size;
    } else if (row->role == 'A' ? !result : !reacquires(row, result, &call) && row->role != 'X') {
        puppet_answer("FAIL %s returned nothing", name);
        return;
    } else if (row->role != 'A' && reacquires(row, result, &call)) {
        seen = (struct seen){2, size + call.size, 1, size};
    }
    answer_seen(site_index, row, &seen);
}

static void answer_names(void) {
    static char text[kPuppetAnswerMax / 2];
    size_t used = 0;
    for (size_t i = 0; i < kRowCount; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\"", i ? "," : "", kRows[i].name);
    }
    puppet_answer("DONE [%s]", text);
}

int main(void) {
    static char line[kPuppetLineMax];
    char name[kNameMax];
    size_t size = 0;
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) {
        if (sscanf(line, "do %127s %zu", name, &size) == 2) {
            do_row(name, size);
        } else if (sscanf(line, "where %127s", name) == 1) {
            puppet_answer("DONE %s", module_of(address_of(name)));
        } else if (strcmp(line, "rows") == 0) {
            answer_names();
        } else if (strcmp(line, "quit") == 0) {
            break;
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
