// TypeHistory: how much of each type of a Go heap is held, over the whole attachment. A part of History; bounded as it is. What
// counts is what variables and goroutines lead to: garbage, which comes and goes with collections, is in none of these numbers.
// Pure.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <vector>

#include "analyze/trend.h"
#include "report/report.h"

namespace whoholds {

class TypeHistory {
public:
    static constexpr size_t kMostLooks = 240;
    static constexpr size_t kMostTypes = 2000;

    // Does nothing if there was no look at the heap since the last time.
    void look(const TypesReport& types, double time_s);

    // Of all that is held.
    [[nodiscard]] std::vector<Sample> total_bytes() const;
    // What is not in the report of a look counts as none.
    [[nodiscard]] std::vector<Sample> counts(const std::string& type) const;
    [[nodiscard]] std::vector<Sample> whole_bytes(const std::string& type) const;

private:
    struct Look {
        double count = 0;
        double whole_bytes = 0;
    };
    struct Series {
        size_t first = 0;  // index of the look that saw it first
        std::vector<Look> looks;
    };
    [[nodiscard]] std::vector<Sample> samples(const std::string& type, double Look::*number) const;
    void thin_out();

    std::vector<Sample> totals_;  // their times are those of all looks
    absl::flat_hash_map<std::string, Series> types_;
    uint64_t seen_looks_ = 0;
};

}  // namespace whoholds
