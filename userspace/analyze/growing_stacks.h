// Which stacks of a process hold more and more, and how much of the evidence for a leak is there. The first step of finding out
// what is to blame (suspects.h is the second). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/history.h"
#include "analyze/trend.h"
#include "report/report.h"

namespace whoholds {

// What became of what was acquired in each slice of the time observed.
struct Survival {
    size_t slices = 0;    // that are old enough to tell
    double occupied = 0;  // share of the slices of which anything is held
    double late = 0;      // held of the last quarter of the slices, per slice, as a share of that of all of them
    double largest = 0;   // share of one slice in all that is held
    double kept = 1;      // of what was there when a slice became old, how much still is
};

// kLeaks: it grows steadily, of each slice of time something is held, and nothing that became old was given back.
enum class Evidence : uint8_t { kGrows, kLeaks };

struct GrowingStack {
    const StackReport* stack = nullptr;
    Evidence evidence = Evidence::kGrows;
    std::optional<Trend> counts;  // where these grow
    std::optional<Trend> bytes;   // likewise
    std::optional<Survival> survival;
    size_t headline = 0;  // index of the frame to look at

    [[nodiscard]] double count_per_min() const { return counts ? counts->per_s * 60 : 0; }
    [[nodiscard]] double bytes_per_min() const { return bytes ? bytes->per_s * 60 : 0; }
};

// What a collector (of JavaScript, Java, .NET) took for its heap: it grows until it collects, whoever is to blame.
bool is_of_collector(const StackReport& stack, std::string_view exe);

std::optional<Survival> survival_of(const ProcessReport& process, const StackReport& stack, const StackHistory& history,
                                    double time_s);

// In the order of the report. time_s: of the last look of the history.
std::vector<GrowingStack> growing_stacks(const ProcessReport& process, const History& history, double time_s);

}  // namespace whoholds
