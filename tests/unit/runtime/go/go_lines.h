// Stacks of Go code as lines of source, for comparison of what was read from outside with what a program's own pprof says. Used by
// unit and end-to-end tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/go/goroutines.h"
#include "runtime/go/heap_profile.h"
#include "unit/runtime/go/pprof_text.h"

namespace whoholds {

// "main.f:12" for each call, innermost first, without the frame that the witness does not see or we do not keep.
using GoLines = std::vector<std::string>;
using GoGroups = std::map<GoLines, uint64_t>;

// Of a stack that was walked: each address may be several calls.
GoLines lines_of(const GoProcess& process, const std::vector<uint64_t>& frames);
// Of a profile: each address is one call.
GoLines lines_of_profile(const GoProcess& process, const std::vector<uint64_t>& frames);

// Counts by stack of a heap profile that was read, in the form in which pprof writes it.
PprofHeap as_pprof(const std::vector<GoHeapStack>& stacks);

}  // namespace whoholds
