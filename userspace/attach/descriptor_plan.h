// How the descriptors of a process are seen: at the system-call instructions of its modules, or at the end of every system
// call. Gathers what is found in the modules one by one, then decides. Used by the planner only.
// Invariant: a plan has sites only if its method is kSites.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "attach/module_planner.h"

namespace whoholds {

// Without uprobe_multi each probe takes 60 to 190 ms to take away.
constexpr size_t kMaxSitesDearDetach = 20;

class DescriptorPlanner {
public:
    explicit DescriptorPlanner(const PlanOptions& options) : options_(options) {}

    // Fills module.sites.
    void add(const ModuleCode& code, ModulePlan& module);
    // Sets the method of the plan, and takes out what it has no use for. Where the libraries are not mapped yet it is kNone, and
    // to be decided when they are.
    void decide(AttachPlan& plan);

private:
    [[nodiscard]] bool libraries_follow() const;
    [[nodiscard]] std::string reason_for_tracepoint(const AttachPlan& plan) const;

    const PlanOptions& options_;
    size_t modules_ = 0;
    bool has_libc_ = false;
    bool has_loader_ = false;
    bool has_go_ = false;
    std::string against_sites_;    // why sites do not suffice, of the first module of which that is so; "" if they do
    std::vector<Skipped> unseen_;  // for a plan that has to do with sites all the same
};

}  // namespace whoholds
