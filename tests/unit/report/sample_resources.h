// Hand-made descriptors, connections, threads and pairs, for the sample reports.
#pragma once

#include "report/report.h"

namespace whoholds {

// Rows of every kind that is not memory, with stacks, items, connections and failed connects. `where`: frames of the stacks.
void add_resources(const std::vector<Frame>& where, ProcessReport& process);
// The same with names that a hostile program would choose.
void add_hostile_resources(ProcessReport& process);

}  // namespace whoholds
