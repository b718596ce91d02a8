// What the resources of one stack are now, in a few lines: "409 × TCP to 10.0.0.5:443: 406 ESTABLISHED, 3 CLOSE_WAIT",
// "12 × thread sleeping in futex_wait". Used by the report builder. Pure.
#pragma once

#include <span>
#include <vector>

#include "analyze/descriptor_items.h"
#include "analyze/descriptor_tally.h"
#include "profile/held_resources.h"
#include "report/report.h"

namespace whoholds {

// Of all descriptors of a stack; their counts add up to descriptors.size(). Where there are many small groups (files with
// different names), those of one type are one group that says so. link is called for what is shown, and at most some
// thousands of times for what nothing else tells.
std::vector<ItemGroup> group_descriptors(std::span<const HeldDescriptor> descriptors, const SocketView& view,
                                         LinkOf link);

// Of threads and joinable threads that are described already; what has no state is in no group.
std::vector<ItemGroup> group_items(std::span<const ItemReport> items);

}  // namespace whoholds
