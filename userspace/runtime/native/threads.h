// The functions that create, join and detach threads: one table, one row a function. They are glibc's; which library of a process
// has them (libpthread before 2.34, libc since) is not asked, they are probed where they are found. Used by the planner.
// Invariant: symbols are unique and every shape is valid.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace whoholds {

struct ThreadFunction {
    std::string_view symbol;
    uint64_t shape = 0;      // packed, see attach/call_shape.h
    bool may_throw = false;  // a thread that is cancelled in it unwinds its stack, as an exception does
};

std::span<const ThreadFunction> thread_functions();

// The row of exactly this symbol, or null.
const ThreadFunction* find_thread_function(std::string_view symbol);

}  // namespace whoholds
