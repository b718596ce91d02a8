// The objects of a Go heap that have descriptors: connections, listeners, files, pipes of Go's own packages, each with the number
// in an internal/poll.FD. Used by the search for who holds descriptors.
// Invariant: an object counts if its type says that it has one, or if what it leads to proves it: the runtime's record of a
// descriptor that it waits for (pollDesc) has the same number. One that was closed has none (poll.FD.destroy sets -1).
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "runtime/go/heap_model.h"
#include "runtime/go/heap_scan.h"

namespace whoholds {

struct GoDescriptorObject {
    uint32_t descriptor = 0;
    GoObject object;
    uint64_t address = 0;  // of the word with the number
};

// In the order of their addresses.
Result<std::vector<GoDescriptorObject>> find_go_descriptor_objects(const GoProcess& process, const GoHeapModel& model,
                                                                   const GoHeapScan& scan, GoTypes& types);

}  // namespace whoholds
