// Goroutines that wait for their descriptors, as the runtime's own records of these (pollDesc) say. Used by the search for who holds
// descriptors, where the heap was not read or does not tell.
// Invariant: a record counts if it names both: a number that may be a descriptor's, and the goroutine on whose stack it was found.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "runtime/go/holders.h"
#include "runtime/go/roots.h"

namespace whoholds {

struct GoDescriptorWaiter {
    uint32_t descriptor = 0;
    uint32_t goroutine = 0;         // position in GoRoots::goroutines
    std::array<GoProof, 2> proofs;  // that it waits for it still
};

Result<std::vector<GoDescriptorWaiter>> find_go_descriptor_waiters(const GoProcess& process, const GoRoots& roots);

}  // namespace whoholds
