// The rule that needs no profile and no samples: a type of objects on a Go heap of which more and more are reached from variables and
// goroutines. A heap profile has a sample for every half MiB only, and tells what the last but one of the collections saw; the census by
// type counts every object, and what is garbage it leaves out. It says what grows and who holds it; the line is where the user's code
// allocates such objects. Used by findings.cpp. Pure.
#pragma once

#include <vector>

#include "analyze/findings.h"

namespace whoholds {

// Behind the rules whose findings have a stack: where one of them names the Go heap, or what these objects belong to, there is no other.
void find_type_growth(const Observed& observed, std::vector<Finding>& findings);

}  // namespace whoholds
