// librows_extra.so: an allocator with the names that no library of Debian 12 exports (C23's sized free, a jemalloc built with
// the prefix je_, forms of delete that no compiler calls), and a second allocator in the process that preloads it.
// Invariant: it calls no other allocator; what it frees is never given out again, unless it is told to.
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { kArenaBytes = 8 << 20, kHeaderBytes = 16 };

#define WH_EXPORT __attribute__((visibility("default")))

static _Alignas(4096) unsigned char arena[kArenaBytes];
static atomic_size_t used;

static void* take(size_t alignment, size_t size) {
    size_t start = atomic_fetch_add(&used, size + kHeaderBytes + alignment);
    uintptr_t block = (uintptr_t)arena + start + kHeaderBytes;
    block = (block + alignment - 1) / alignment * alignment;
    if (block + size > (uintptr_t)arena + kArenaBytes) return NULL;
    memcpy((void*)(block - kHeaderBytes), &size, sizeof size);
    return (void*)block;
}

static void* retake(void* old, size_t size) {
    void* block = take(kHeaderBytes, size);
    if (!block || !old) return block;
    size_t old_size = 0;
    memcpy(&old_size, (unsigned char*)old - kHeaderBytes, sizeof old_size);
    return memcpy(block, old, old_size < size ? old_size : size);
}

static void give_back(void* block) { __asm__ volatile("" : : "r"(block) : "memory"); }

// The block that extra_same_address gives out each time it is called: every call but the first proves a missed release.
static _Alignas(16) unsigned char same_block[4096];

WH_EXPORT void* je_malloc(size_t size) {
    static const size_t kSameAddressBytes = 1237;
    return size == kSameAddressBytes ? same_block : take(kHeaderBytes, size);
}
WH_EXPORT void* je_calloc(size_t count, size_t size) { return take(kHeaderBytes, count * size); }
WH_EXPORT void* je_realloc(void* old, size_t size) { return retake(old, size); }
WH_EXPORT void je_free(void* block) { give_back(block); }
WH_EXPORT void* je_memalign(size_t alignment, size_t size) { return take(alignment, size); }
WH_EXPORT void* je_aligned_alloc(size_t alignment, size_t size) { return take(alignment, size); }
WH_EXPORT int je_posix_memalign(void** block, size_t alignment, size_t size) {
    *block = take(alignment, size);
    return *block ? 0 : 12;
}
WH_EXPORT void* je_valloc(size_t size) { return take(4096, size); }
WH_EXPORT void* je_pvalloc(size_t size) { return take(4096, size); }
WH_EXPORT void je_free_sized(void* block, size_t size) {
    give_back(block);
    (void)size;
}
WH_EXPORT void je_free_aligned_sized(void* block, size_t alignment, size_t size) {
    give_back(block);
    (void)alignment, (void)size;
}
WH_EXPORT void* je_mallocx(size_t size, int flags) {
    (void)flags;
    return take(kHeaderBytes, size);
}
WH_EXPORT void* je_rallocx(void* old, size_t size, int flags) {
    (void)flags;
    return retake(old, size);
}
WH_EXPORT size_t je_xallocx(void* block, size_t size, size_t extra, int flags) {
    (void)extra, (void)flags;
    memcpy((unsigned char*)block - kHeaderBytes, &size, sizeof size);
    return size;
}
WH_EXPORT void je_dallocx(void* block, int flags) {
    (void)flags;
    give_back(block);
}
WH_EXPORT void je_sdallocx(void* block, size_t size, int flags) {
    (void)size, (void)flags;
    give_back(block);
}

// What follows frees blocks of the C library's malloc family. Nothing is given back: what counts is that the call is seen.
WH_EXPORT void free_sized(void* block, size_t size) {
    (void)size;
    give_back(block);
}
WH_EXPORT void free_aligned_sized(void* block, size_t alignment, size_t size) {
    (void)alignment, (void)size;
    give_back(block);
}
WH_EXPORT void* __libc_reallocarray(void* old, size_t count, size_t size) {
    return retake(NULL, old ? count * size : 0);
}
WH_EXPORT void _ZdlPvmRKSt9nothrow_t(void* block, size_t size, const void* nothrow) {
    (void)size, (void)nothrow;
    give_back(block);
}
WH_EXPORT void _ZdaPvmRKSt9nothrow_t(void* block, size_t size, const void* nothrow) {
    (void)size, (void)nothrow;
    give_back(block);
}
WH_EXPORT void _ZdlPvmSt11align_val_tRKSt9nothrow_t(void* block, size_t size, size_t alignment, const void* nothrow) {
    (void)size, (void)alignment, (void)nothrow;
    give_back(block);
}
WH_EXPORT void _ZdaPvmSt11align_val_tRKSt9nothrow_t(void* block, size_t size, size_t alignment, const void* nothrow) {
    (void)size, (void)alignment, (void)nothrow;
    give_back(block);
}
