// The stacks of a report as rows that can be added up: those of all processes, and for each kind one row more for what its listed
// stacks do not cover, so that the sum is the kind's total. Used by the formats that draw or add stacks (folded, pprof, HTML).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct FlatStack {
    const ProcessReport* process = nullptr;
    const KindReport* kind = nullptr;
    const StackReport* stack = nullptr;  // nullptr: no frames, `place` says what this row is
    Amount held;
    Amount acquired;
    std::string_view
        place;  // "[taken before attach]", "[other stacks]", "[suppressed]", "[no stack]"; "" where there are frames
};

// Pointers go into the report. Where only some blocks were selected (Report::selection), no row stands for the others.
std::vector<FlatStack> flat_stacks(const Report& report);

// Whether resources of this kind have bytes; otherwise (descriptors, threads) their number is all there is to add up.
bool has_bytes(const KindReport& kind);

// go_heap where there is one, else heap; nullptr for neither.
const KindReport* memory_kind(const ProcessReport& process);

}  // namespace whoholds
