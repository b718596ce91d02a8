// Picks the functions of a module that the tables name: allocators, threads, and the user's pairs. Used by module_planner.cpp only.
// A function may be in several tables (malloc in a user's pair): each table is planned by itself.
#pragma once

#include <vector>

#include "attach/attach_plan.h"
#include "attach/candidates.h"
#include "attach/module_planner.h"
#include "attach/module_traits.h"
#include "attach/pair_search.h"

namespace whoholds {

struct ModuleToPlan {
    const ModuleCode& code;
    const std::string& path;
    const ModuleTraits& traits;
    const PlanOptions& options;
};

CandidatesByAddress select_allocators(const ModuleToPlan& module, Skips& skips);
CandidatesByAddress select_threads(const ModuleToPlan& module, Skips& skips);
CandidatesByAddress select_pair(const ModuleToPlan& module, PairSearch& search, size_t pair, Skips& skips);

}  // namespace whoholds
