// The functions of the user's pairs that are named as Go's tracebacks do, in the Go code of a module: probes at the RET instructions
// of what acquires, and behind the stack check of what releases. Used by go_plan.cpp only.
#pragma once

#include <vector>

#include "attach/attach_plan.h"
#include "attach/pair_search.h"
#include "elf/go_code.h"

namespace whoholds {

void plan_go_pairs(const ElfImage& image, const GoCode& code, PairSearch& search, ModulePlan& module,
                   std::vector<Skipped>& skipped);

}  // namespace whoholds
