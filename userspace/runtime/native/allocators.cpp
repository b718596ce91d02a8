#include "runtime/native/allocators.h"

#include <array>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

constexpr uint64_t heap_acquire(unsigned size_arg, unsigned size_factor_arg = 0) {
    return pack({.operation = WH_OPERATION_ACQUIRE,
                 .kind = WH_KIND_HEAP,
                 .size_arg = size_arg,
                 .size_factor_arg = size_factor_arg});
}

// posix_memalign: the block is written where the argument points, the result tells success.
constexpr uint64_t heap_acquire_behind(unsigned key_arg, unsigned size_arg) {
    return pack({.operation = WH_OPERATION_ACQUIRE,
                 .kind = WH_KIND_HEAP,
                 .size_arg = size_arg,
                 .key_arg = key_arg,
                 .key_indirect = true,
                 .success = WH_SUCCESS_ZERO});
}

constexpr uint64_t heap_reacquire(unsigned old_key_arg, unsigned size_arg, unsigned size_factor_arg = 0) {
    return pack({.operation = WH_OPERATION_REACQUIRE,
                 .kind = WH_KIND_HEAP,
                 .size_arg = size_arg,
                 .size_factor_arg = size_factor_arg,
                 .old_key_arg = old_key_arg});
}

constexpr uint64_t heap_resize(unsigned key_arg, unsigned size_arg) {
    return pack({.operation = WH_OPERATION_RESIZE,
                 .kind = WH_KIND_HEAP,
                 .size_arg = size_arg,
                 .key_arg = key_arg,
                 .success = WH_SUCCESS_ALWAYS});
}

constexpr uint64_t heap_release(unsigned key_arg) {
    return pack(
        {.operation = WH_OPERATION_RELEASE, .kind = WH_KIND_HEAP, .key_arg = key_arg, .success = WH_SUCCESS_ALWAYS});
}

constexpr uint64_t kMmap = pack({.operation = WH_OPERATION_ACQUIRE,
                                 .kind = WH_KIND_MAPPING,
                                 .size_arg = 2,
                                 .success = WH_SUCCESS_NOT_MINUS_ONE,
                                 .flags_arg = 4});
constexpr uint64_t kMunmap = pack({.operation = WH_OPERATION_TRY_RELEASE,
                                   .kind = WH_KIND_MAPPING,
                                   .size_arg = 2,
                                   .key_arg = 1,
                                   .success = WH_SUCCESS_ZERO});
constexpr uint64_t kMremap = pack({.operation = WH_OPERATION_REACQUIRE,
                                   .kind = WH_KIND_MAPPING,
                                   .size_arg = 3,
                                   .old_key_arg = 1,
                                   .old_size_arg = 2,
                                   .success = WH_SUCCESS_NOT_MINUS_ONE,
                                   .flags_arg = 4});

using enum AllocatorFamily;

constexpr AllocatorFunction throwing(AllocatorFunction function) {
    function.may_throw = true;
    return function;
}

constexpr auto kFunctions = std::to_array<AllocatorFunction>({
    // The C names, of glibc, musl and of every library that replaces them.
    {"malloc", kLibc, heap_acquire(1), true},
    {"calloc", kLibc, heap_acquire(1, 2), true},
    {"realloc", kLibc, heap_reacquire(1, 2), true},
    {"free", kLibc, heap_release(1), true},
    {"reallocarray", kLibc, heap_reacquire(1, 2, 3)},
    {"cfree", kLibc, heap_release(1)},
    {"posix_memalign", kLibc, heap_acquire_behind(1, 3), true},
    {"aligned_alloc", kLibc, heap_acquire(2), true},
    {"memalign", kLibc, heap_acquire(2), true},
    {"valloc", kLibc, heap_acquire(1), true},
    {"pvalloc", kLibc, heap_acquire(1), true},
    {"free_sized", kLibc, heap_release(1), true},
    {"free_aligned_sized", kLibc, heap_release(1), true},
    {"mmap", kLibc, kMmap},
    {"mmap64", kLibc, kMmap},
    {"munmap", kLibc, kMunmap},
    {"mremap", kLibc, kMremap},
    // jemalloc's own. Not sallocx and nallocx: they only ask.
    {"mallocx", kJemalloc, heap_acquire(1), true},
    {"rallocx", kJemalloc, heap_reacquire(1, 2), true},
    {"xallocx", kJemalloc, heap_resize(1, 2), true},
    {"dallocx", kJemalloc, heap_release(1), true},
    {"sdallocx", kJemalloc, heap_release(1), true},
    // gperftools. Every form of new and delete reaches the allocator by itself, none through malloc or free (T13).
    {"tc_malloc", kTcmalloc, heap_acquire(1)},
    {"tc_malloc_skip_new_handler", kTcmalloc, heap_acquire(1)},
    {"tc_calloc", kTcmalloc, heap_acquire(1, 2)},
    {"tc_realloc", kTcmalloc, heap_reacquire(1, 2)},
    {"tc_free", kTcmalloc, heap_release(1)},
    {"tc_cfree", kTcmalloc, heap_release(1)},
    {"tc_free_sized", kTcmalloc, heap_release(1)},
    {"tc_memalign", kTcmalloc, heap_acquire(2)},
    {"tc_posix_memalign", kTcmalloc, heap_acquire_behind(1, 3)},
    {"tc_valloc", kTcmalloc, heap_acquire(1)},
    {"tc_pvalloc", kTcmalloc, heap_acquire(1)},
    throwing({"tc_new", kTcmalloc, heap_acquire(1)}),
    {"tc_new_nothrow", kTcmalloc, heap_acquire(1)},
    throwing({"tc_new_aligned", kTcmalloc, heap_acquire(1)}),
    {"tc_new_aligned_nothrow", kTcmalloc, heap_acquire(1)},
    throwing({"tc_newarray", kTcmalloc, heap_acquire(1)}),
    {"tc_newarray_nothrow", kTcmalloc, heap_acquire(1)},
    throwing({"tc_newarray_aligned", kTcmalloc, heap_acquire(1)}),
    {"tc_newarray_aligned_nothrow", kTcmalloc, heap_acquire(1)},
    {"tc_delete", kTcmalloc, heap_release(1)},
    {"tc_delete_sized", kTcmalloc, heap_release(1)},
    {"tc_delete_nothrow", kTcmalloc, heap_release(1)},
    {"tc_delete_aligned", kTcmalloc, heap_release(1)},
    {"tc_delete_sized_aligned", kTcmalloc, heap_release(1)},
    {"tc_delete_aligned_nothrow", kTcmalloc, heap_release(1)},
    {"tc_deletearray", kTcmalloc, heap_release(1)},
    {"tc_deletearray_sized", kTcmalloc, heap_release(1)},
    {"tc_deletearray_nothrow", kTcmalloc, heap_release(1)},
    {"tc_deletearray_aligned", kTcmalloc, heap_release(1)},
    {"tc_deletearray_sized_aligned", kTcmalloc, heap_release(1)},
    {"tc_deletearray_aligned_nothrow", kTcmalloc, heap_release(1)},
    // mimalloc 2. Left out:
    //   mi_reallocarr                          the old pointer is behind its argument; it calls mi_reallocarray, which is here
    //   mi_strdup, mi_strndup, mi_realpath,    the size is in no argument; where they call mi_malloc it is counted, where the compiler
    //   mi_wcsdup, mi_mbsdup, mi_dupenv_s      inlined it (libmimalloc 2.0) their blocks are not seen, and their release is ignored
    //   mi_heap_destroy                        releases every block of a heap in one call that names none of them
    // mi_reallocf releases the old block also when it fails. Then we keep a block that is gone until its address is acquired
    // again, which heals it; leaving the row out would lose every reallocf that succeeds.
    {"mi_malloc", kMimalloc, heap_acquire(1)},
    {"mi_calloc", kMimalloc, heap_acquire(1, 2)},
    {"mi_realloc", kMimalloc, heap_reacquire(1, 2)},
    {"mi_free", kMimalloc, heap_release(1)},
    {"mi_zalloc", kMimalloc, heap_acquire(1)},
    {"mi_malloc_small", kMimalloc, heap_acquire(1)},
    {"mi_zalloc_small", kMimalloc, heap_acquire(1)},
    {"mi_mallocn", kMimalloc, heap_acquire(1, 2)},
    {"mi_reallocn", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_reallocf", kMimalloc, heap_reacquire(1, 2)},
    {"mi_rezalloc", kMimalloc, heap_reacquire(1, 2)},
    {"mi_recalloc", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_reallocarray", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_expand", kMimalloc, heap_reacquire(1, 2)},
    {"mi__expand", kMimalloc, heap_reacquire(1, 2)},
    {"mi_cfree", kMimalloc, heap_release(1)},
    {"mi_free_size", kMimalloc, heap_release(1)},
    {"mi_free_size_aligned", kMimalloc, heap_release(1)},
    {"mi_free_aligned", kMimalloc, heap_release(1)},
    {"mi_malloc_aligned", kMimalloc, heap_acquire(1)},
    {"mi_malloc_aligned_at", kMimalloc, heap_acquire(1)},
    {"mi_zalloc_aligned", kMimalloc, heap_acquire(1)},
    {"mi_zalloc_aligned_at", kMimalloc, heap_acquire(1)},
    {"mi_calloc_aligned", kMimalloc, heap_acquire(1, 2)},
    {"mi_calloc_aligned_at", kMimalloc, heap_acquire(1, 2)},
    {"mi_realloc_aligned", kMimalloc, heap_reacquire(1, 2)},
    {"mi_realloc_aligned_at", kMimalloc, heap_reacquire(1, 2)},
    {"mi_rezalloc_aligned", kMimalloc, heap_reacquire(1, 2)},
    {"mi_rezalloc_aligned_at", kMimalloc, heap_reacquire(1, 2)},
    {"mi_recalloc_aligned", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_recalloc_aligned_at", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_aligned_recalloc", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_aligned_offset_recalloc", kMimalloc, heap_reacquire(1, 2, 3)},
    {"mi_posix_memalign", kMimalloc, heap_acquire_behind(1, 3)},
    {"mi_memalign", kMimalloc, heap_acquire(2)},
    {"mi_aligned_alloc", kMimalloc, heap_acquire(2)},
    {"mi_valloc", kMimalloc, heap_acquire(1)},
    {"mi_pvalloc", kMimalloc, heap_acquire(1)},
    // mimalloc is C: what a new handler throws passes through the nothrow forms as well.
    throwing({"mi_new", kMimalloc, heap_acquire(1)}),
    throwing({"mi_new_nothrow", kMimalloc, heap_acquire(1)}),
    throwing({"mi_new_aligned", kMimalloc, heap_acquire(1)}),
    throwing({"mi_new_aligned_nothrow", kMimalloc, heap_acquire(1)}),
    throwing({"mi_new_n", kMimalloc, heap_acquire(1, 2)}),
    throwing({"mi_new_realloc", kMimalloc, heap_reacquire(1, 2)}),
    throwing({"mi_new_reallocn", kMimalloc, heap_reacquire(1, 2, 3)}),
    // The same with the heap as first argument.
    {"mi_heap_malloc", kMimalloc, heap_acquire(2)},
    {"mi_heap_calloc", kMimalloc, heap_acquire(2, 3)},
    {"mi_heap_zalloc", kMimalloc, heap_acquire(2)},
    {"mi_heap_mallocn", kMimalloc, heap_acquire(2, 3)},
    {"mi_heap_malloc_small", kMimalloc, heap_acquire(2)},
    {"mi_heap_realloc", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_reallocn", kMimalloc, heap_reacquire(2, 3, 4)},
    {"mi_heap_reallocf", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_rezalloc", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_recalloc", kMimalloc, heap_reacquire(2, 3, 4)},
    {"mi_heap_malloc_aligned", kMimalloc, heap_acquire(2)},
    {"mi_heap_malloc_aligned_at", kMimalloc, heap_acquire(2)},
    {"mi_heap_zalloc_aligned", kMimalloc, heap_acquire(2)},
    {"mi_heap_zalloc_aligned_at", kMimalloc, heap_acquire(2)},
    {"mi_heap_calloc_aligned", kMimalloc, heap_acquire(2, 3)},
    {"mi_heap_calloc_aligned_at", kMimalloc, heap_acquire(2, 3)},
    {"mi_heap_realloc_aligned", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_realloc_aligned_at", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_rezalloc_aligned", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_rezalloc_aligned_at", kMimalloc, heap_reacquire(2, 3)},
    {"mi_heap_recalloc_aligned", kMimalloc, heap_reacquire(2, 3, 4)},
    {"mi_heap_recalloc_aligned_at", kMimalloc, heap_reacquire(2, 3, 4)},
    throwing({"mi_heap_alloc_new", kMimalloc, heap_acquire(2)}),
    throwing({"mi_heap_alloc_new_n", kMimalloc, heap_acquire(2, 3)}),
    // Other names, most often at the address of one above (T15). _aligned_malloc is mimalloc's on Linux: alignment first.
    {"__libc_malloc", kLibc, heap_acquire(1)},
    {"__libc_calloc", kLibc, heap_acquire(1, 2)},
    {"__libc_realloc", kLibc, heap_reacquire(1, 2)},
    {"__libc_reallocarray", kLibc, heap_reacquire(1, 2, 3)},
    {"__libc_free", kLibc, heap_release(1)},
    {"__libc_cfree", kLibc, heap_release(1)},
    {"__libc_memalign", kLibc, heap_acquire(2)},
    {"__libc_valloc", kLibc, heap_acquire(1)},
    {"__libc_pvalloc", kLibc, heap_acquire(1)},
    {"__posix_memalign", kLibc, heap_acquire_behind(1, 3)},
    {"reallocf", kMimalloc, heap_reacquire(1, 2)},
    {"vfree", kMimalloc, heap_release(1)},
    {"_aligned_malloc", kMimalloc, heap_acquire(2)},
    // operator new and delete: plain, array, sized, nothrow, aligned, and all of it together. The nothrow forms are noexcept.
    throwing({"_Znwm", kCppOperator, heap_acquire(1)}),
    {"_ZnwmRKSt9nothrow_t", kCppOperator, heap_acquire(1)},
    throwing({"_ZnwmSt11align_val_t", kCppOperator, heap_acquire(1)}),
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_acquire(1)},
    throwing({"_Znam", kCppOperator, heap_acquire(1)}),
    {"_ZnamRKSt9nothrow_t", kCppOperator, heap_acquire(1)},
    throwing({"_ZnamSt11align_val_t", kCppOperator, heap_acquire(1)}),
    {"_ZnamSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_acquire(1)},
    {"_ZdlPv", kCppOperator, heap_release(1)},
    {"_ZdlPvRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdlPvSt11align_val_t", kCppOperator, heap_release(1)},
    {"_ZdlPvSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdlPvm", kCppOperator, heap_release(1)},
    {"_ZdlPvmRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdlPvmSt11align_val_t", kCppOperator, heap_release(1)},
    {"_ZdlPvmSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdaPv", kCppOperator, heap_release(1)},
    {"_ZdaPvRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdaPvSt11align_val_t", kCppOperator, heap_release(1)},
    {"_ZdaPvSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdaPvm", kCppOperator, heap_release(1)},
    {"_ZdaPvmRKSt9nothrow_t", kCppOperator, heap_release(1)},
    {"_ZdaPvmSt11align_val_t", kCppOperator, heap_release(1)},
    {"_ZdaPvmSt11align_val_tRKSt9nothrow_t", kCppOperator, heap_release(1)},
});

constexpr bool every_shape_is_valid() {
    for (const AllocatorFunction& function : kFunctions) {
        const CallShape shape = unpack(function.shape);
        if (!is_valid(shape) || pack(shape) != function.shape) return false;
        if (shape.pushed_words != 0 || shape.probe != 0 || shape.process != 0) return false;
    }
    return true;
}
static_assert(every_shape_is_valid());

using Index = absl::flat_hash_map<std::string_view, const AllocatorFunction*>;

Index make_index() {
    Index index;
    index.reserve(kFunctions.size());
    for (const AllocatorFunction& function : kFunctions) index.emplace(function.symbol, &function);
    return index;
}

}  // namespace

std::span<const AllocatorFunction> allocator_functions() { return kFunctions; }

const AllocatorFunction* find_allocator_function(std::string_view symbol) {
    static const Index index = make_index();
    const auto found = index.find(symbol);
    return found == index.end() ? nullptr : found->second;
}

const AllocatorFunction* find_jemalloc_function(std::string_view symbol, std::string_view prefix) {
    if (prefix.empty() || !symbol.starts_with(prefix)) return nullptr;
    const AllocatorFunction* function = find_allocator_function(symbol.substr(prefix.size()));
    return function != nullptr && function->in_jemalloc_api ? function : nullptr;
}

std::string_view jemalloc_prefix(std::string_view symbol) {
    constexpr std::string_view kMallocx = "mallocx";
    // Prefixes are short ("je_", "_rjem_"); a longer one is some mangled name.
    constexpr size_t kMaxPrefix = 24;
    if (!symbol.ends_with(kMallocx) || symbol.size() > kMaxPrefix + kMallocx.size()) return {};
    return symbol.substr(0, symbol.size() - kMallocx.size());
}

AllocatorFamily allocator_marked_by(std::string_view symbol) {
    constexpr auto kMarks = std::to_array<std::pair<std::string_view, AllocatorFamily>>({
        {"mallocx", kJemalloc},
        {"je_malloc", kJemalloc},
        {"tc_malloc", kTcmalloc},
        {"TCMallocInternalMalloc", kTcmalloc},
        {"_ZN13TCMallocGuardC1Ev", kTcmalloc},
        {"mi_malloc", kMimalloc},
    });
    for (const auto& [name, family] : kMarks) {
        if (symbol == name) return family;
    }
    return jemalloc_prefix(symbol).empty() ? kLibc : kJemalloc;
}

std::string_view family_name(AllocatorFamily family) {
    switch (family) {
        case kLibc: return "libc";
        case kJemalloc: return "jemalloc";
        case kTcmalloc: return "tcmalloc";
        case kMimalloc: return "mimalloc";
        case kCppOperator: return "c++";
    }
    return "?";
}

size_t preference_of(const AllocatorFunction& function) { return static_cast<size_t>(&function - kFunctions.data()); }

}  // namespace whoholds
