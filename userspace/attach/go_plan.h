// Plans what is traced of a Go module: its goroutines, and the user's pairs. Used by planner.cpp only. Pure: of the file alone.
// Invariant: either all that following goroutines takes was found, or there is no probe and `skipped` says why.
#pragma once

#include <vector>

#include "attach/attach_plan.h"
#include "attach/pair_search.h"
#include "elf/elf_image.h"

namespace whoholds {

void plan_go_module(const ElfImage& image, const PlanOptions& options, ModulePlan& module,
                    std::vector<Skipped>& skipped, PairSearch& search);

}  // namespace whoholds
