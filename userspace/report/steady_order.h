// The order of rows in reports that follow each other, so that lines do not change places all the time. Used by main for text, and
// by the live view.
// Invariant: a row is never directly below one that has a tenth less.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct RankedRow {
    size_t row = 0;  // the caller's
    double value = 0;
    std::optional<size_t> place;  // in the last order; rows that were not in it come where their value is
};

void settle(std::vector<RankedRow>& rows);

// Of the stacks of a report.
class SteadyOrder {
public:
    // Within a kind a stack passes another one only when it has clearly more of what the report is sorted by.
    void apply(Report& report);

private:
    using Key = std::pair<int32_t, std::string>;  // process, kind
    std::map<Key, std::map<uint64_t, size_t>> places_;
};

}  // namespace whoholds
