// The functions of native allocators: one table, one row a function. Which exist in a process, and where, is the
// planner's business. Used by the planner and by tests that go through every row.
// Invariant: symbols are unique, every shape is valid, and rows stand in the order of preference: where several names share
// one address, the probe gets the name (and, should they differ, the shape) of the row that stands first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

// Whose name it is. The C names are kLibc in whatever library they are defined.
enum class AllocatorFamily : uint8_t { kLibc, kJemalloc, kTcmalloc, kMimalloc, kCppOperator };

struct AllocatorFunction {
    std::string_view symbol;
    AllocatorFamily family = AllocatorFamily::kLibc;
    uint64_t shape = 0;            // packed, see attach/call_shape.h
    bool in_jemalloc_api = false;  // exists with a prefix in prefixed builds of jemalloc: je_malloc
    bool may_throw = false;        // a C++ exception may leave it: no return probe, see attach/return_sites.h
};

std::span<const AllocatorFunction> allocator_functions();

// The row of exactly this symbol, or null.
const AllocatorFunction* find_allocator_function(std::string_view symbol);

// The row of the symbol without prefix, if it is one of jemalloc's API; null for an empty prefix or another symbol.
const AllocatorFunction* find_jemalloc_function(std::string_view symbol, std::string_view prefix);

// "je_" of "je_mallocx", "_rjem_" of "_rjem_mallocx"; "" if the symbol is not a prefixed mallocx.
std::string_view jemalloc_prefix(std::string_view symbol);

// The allocator that defines a symbol of this name as a mark of its own (mallocx, tc_malloc, mi_malloc, …); kLibc if the
// name tells nothing.
AllocatorFamily allocator_marked_by(std::string_view symbol);

std::string_view family_name(AllocatorFamily family);

// Position in the table: smaller is preferred.
size_t preference_of(const AllocatorFunction& function);

}  // namespace whoholds
