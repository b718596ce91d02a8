// Byte patterns in the code of a module, found without decoding it. Used by syscall_sites.cpp only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "attach/module_planner.h"

namespace whoholds {

// A C library has some 500, and constants that look like one are one in 65,536 bytes at most.
constexpr size_t kMaxSyscallHits = 100'000;

// The addresses of the bytes 0f 05 in executable ranges, sorted, at most one more than kMaxSyscallHits.
std::vector<uint64_t> find_syscall_bytes(const ModuleCode& code);

// A program has a few dozen calls of it.
constexpr size_t kMaxWrapperCalls = 1000;

// The addresses behind what looks like a direct call of a function: of one of its entries, of a stub that jumps through one of its
// slots, or through such a slot. Sorted, without repetition; slots and entries are sorted.
std::vector<uint64_t> find_calls(const ModuleCode& code, const std::vector<uint64_t>& slots,
                                 std::vector<uint64_t> entries);

// Calls visit(from, target) for what looks like a jump with a 32-bit displacement to one of the targets, which are sorted. It
// is one if an instruction begins there; a constant that looks like one to such a place is very rare.
void find_far_jumps(const ModuleCode& code, const std::vector<uint64_t>& targets,
                    const std::function<void(uint64_t from, uint64_t target)>& visit);

}  // namespace whoholds
