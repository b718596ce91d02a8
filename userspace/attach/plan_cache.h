// PlanCache: plans of processes that run the same files need not be made twice. A child that was just forked, or the next worker of a
// server, is attached to in milliseconds.
// Used by targets. Invariant: a plan is given again only for files with the same identity, size and times of change: a probe at the
// place of another version of a file would land inside of an instruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "attach/attach_plan.h"

namespace whoholds {

class PlanCache {
public:
    // As make_plan(), with options.whole_process and no descriptor method decided before.
    AttachPlan plan(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings, const PlanOptions& options);

    [[nodiscard]] uint64_t hits() const { return hits_; }

private:
    static constexpr size_t kMaxPlans = 64;

    struct Entry {
        AttachPlan plan;
        size_t loader_file = 0;  // which of the files the dynamic linker is, if it is hooked
    };
    std::map<std::string, Entry> plans_;  // by what decides them
    uint64_t hits_ = 0;
};

}  // namespace whoholds
