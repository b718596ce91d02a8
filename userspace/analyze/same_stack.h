// Stacks that differ in addresses only (unrolled loops, identical code folded or not, several instances of a template, one
// library loaded twice) read the same. Tells which do, and makes one of them. Used by the report builder, after the names.
// Pure: neither changes what a number means; sums are exact.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/report.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// Equal for sequences of frames with equal function, file, line and module. Frames whose function has no name are told
// apart by where they are in their module; those without a line by the symbol's full name, as overloads look alike when
// shortened.
std::string same_stack_key(std::span<const Frame> frames);

// Stacks of one kind that read the same become one, in the place of the first of them. An incomplete stack is never
// joined with a complete one or with one that is incomplete for another reason. The frames are those of the first; the
// id is the lowest, which stays the same from report to report; growth is the sum of what is known; the median age is
// not known unless it is the same. The order may have to be made anew.
std::vector<StackReport> merge_same_stacks(std::vector<StackReport> stacks);

}  // namespace whoholds
