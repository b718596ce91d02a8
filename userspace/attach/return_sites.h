// The ret instructions with which a call of a function can end. A function through which a C++ exception may pass must not get a
// return probe: that replaces the return address, and the unwinder, which then does not find the caller, ends the process.
// Its returns are seen by ordinary probes on these instructions instead. Used by the planner only.
// Invariant: either refusal is empty and addresses has every ret that the function's code can reach, or the reverse.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "attach/module_planner.h"

namespace whoholds {

struct ReturnSites {
    std::vector<uint64_t> addresses;  // virtual addresses, sorted
    std::string refusal;              // why they cannot all be found, "" if they are
};

// Far above what allocators need: they have at most some 600 instructions and a dozen returns.
constexpr size_t kMaxInstructionsWalked = 4000;
constexpr size_t kMaxReturnSites = 64;

// Follows jumps, also those that leave the function for another one (tail calls), as that one's return ends the call then.
// reports_return: whether a function that is jumped to has a return probe of its own, which sees the return.
ReturnSites find_return_sites(const ModuleCode& code, uint64_t address,
                              const std::function<bool(uint64_t address)>& reports_return);

}  // namespace whoholds
