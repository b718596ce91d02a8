// The rows of the live table: which stacks, and in which order. Used by `whoholds top`. Pure.
// Invariant: from report to report rows keep their places as report/steady_order.h says; when the user asks for an order they are put
// in it exactly.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/report.h"

namespace whoholds {

enum class TopColumn : uint8_t { kBytes, kCount, kGrowth, kAge, kTotal };

// What identifies a stack of a process and kind from report to report: its id, and how many before it have the same.
using RowKey = std::pair<uint64_t, size_t>;

struct TopRow {
    RowKey key;
    const StackReport* stack = nullptr;  // of the report that was given
};

class StackOrder {
public:
    // Those of the kind that hold something (or, by total, ever did) and match the filter, a text in any letters.
    std::vector<TopRow> rows(const ProcessReport& process, std::string_view kind, bool counted, TopColumn column,
                             bool is_reversed, std::string_view filter);
    // The next rows() is sorted exactly.
    void sort_anew() { places_.clear(); }

private:
    std::map<RowKey, size_t> places_;  // in the last order
};

bool matches_filter(const StackReport& stack, std::string_view filter);

}  // namespace whoholds
