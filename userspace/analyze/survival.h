// Survival: what became of what a stack acquired in each slice of the time observed. A leak keeps something of every slice; work in flight
// keeps the youngest, a cache that is full the latest, start-up the oldest. Used by the rules of what grows. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "analyze/history.h"
#include "report/report.h"

namespace whoholds {

struct Survival {
    size_t slices = 0;    // that are old enough to tell
    double occupied = 0;  // share of the slices of which anything is held
    double late = 0;      // held of the last quarter of the slices, per slice, as a share of that of all of them
    double largest = 0;   // share of one slice in all that is held
    double kept = 1;      // of what was there when a slice became old, how much still is

    static constexpr double kKept = 0.9;
    static constexpr double kLate = 0.3;
    [[nodiscard]] bool is_even() const;
    [[nodiscard]] bool goes_on() const { return late >= kLate; }
    [[nodiscard]] bool is_kept() const { return kept >= kKept; }
};

// Of each slice that is old enough to tell: what is held now, and what was when it became old (of the first ones alone).
struct OldSlices {
    std::vector<double> held;
    std::vector<double> left;
};

// Which slices tell: of those since the attach the first `most`, as far as they have ended by end_s. now_s: of the last look.
struct SliceRange {
    size_t most = 0;
    double end_s = 0;
    double now_s = 0;
};

OldSlices slices_in(const SliceRange& range, const ProcessReport& process, const StackReport& stack,
                    const StackHistory& history);

// nullopt: too few slices. enough_per_slice: neighbours are joined until there is as much in each, on average.
std::optional<Survival> survival_of(OldSlices old, double enough_per_slice = 3);

// By age alone. time_s: now.
std::optional<Survival> survival_of(const ProcessReport& process, const StackReport& stack, const StackHistory& history,
                                    double time_s);

}  // namespace whoholds
