// What two reports differ in: of one process at two times, or of two runs of one program. Used by `whoholds diff`. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct HeldChange {
    std::string kind;
    std::string title;
    int64_t count = 0;
    int64_t bytes = 0;
    Amount before;
    Amount after;
    const StackReport* stack = nullptr;  // the newer one, if there is; null: of the kind as a whole
};

struct ReportDifference {
    std::vector<HeldChange> kinds;
    std::vector<HeldChange> stacks;  // that hold more, those that grew most first, then those that hold less
};

// Processes are matched by their command, in order; stacks by what their frames read, as addresses differ between runs. The
// reports must outlive the difference.
ReportDifference difference_of(const Report& before, const Report& after);

}  // namespace whoholds
