// What a Go heap without a profile of its own holds (go_heap_estimate.h) -> the kind go_heap, its stacks, the sizes of its objects and
// the notes on how all that is known, in a report. Used by the session. Pure: what was read and sampled, names and time are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "analyze/go_heap_estimate.h"
#include "analyze/report_builder.h"
#include "analyze/stack_groups.h"
#include "profile/profile.h"
#include "report/report.h"

namespace whoholds {

struct GoHeapSources {
    FrameReader reader;
    std::function<const StackInfo*(uint32_t stack)> find_stack;
    std::function<void()> pause;
    uint64_t now_ns = 0;  // CLOCK_MONOTONIC
    // What is allocated at a stack; "": not known. May be empty.
    std::function<std::string(const StackInfo& stack)> type_of;
};

// How the samples were taken, for the notes.
struct GoSamplingState {
    bool is_on = false;          // at all, if with pauses
    double on_share = 0;         // of the time since it began
    double hit_ns = 0;           // what a sample costs the target, as measured
    std::string why_not;         // a sentence, if not on
    uint64_t without_stack = 0;  // samples that do not count
    GoSampleSummary totals;      // without its stacks
};

void fill_go_heap_estimate(const GoHeapEstimate& estimate, const GoSamplingState& sampling,
                           const ReportOptions& options, const GoHeapSources& sources, ProcessReport& report,
                           Coverage& coverage);

}  // namespace whoholds
