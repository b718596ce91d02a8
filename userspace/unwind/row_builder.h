// RowBuilder: appends rows in the order of their addresses and keeps UnwindTable's invariant: strictly increasing addresses,
// no two neighbours with the same rule, no gap in front.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "unwind/unwind_rule.h"
#include "unwind/unwind_table.h"

namespace whoholds {

class RowBuilder {
public:
    void reserve(size_t count) { rows_.reserve(count); }
    [[nodiscard]] size_t size() const { return rows_.size(); }

    // From this address on. It must not lie below the last one; at the last one it replaces its rule.
    void set(uint64_t address, const wh_unwind_rule& rule) {
        if (!rows_.empty() && rows_.back().address == address) rows_.pop_back();
        const wh_unwind_rule& before = rows_.empty() ? kGapRule : rows_.back().rule;
        if (!same_rule(before, rule)) rows_.push_back({address, rule});
    }

    [[nodiscard]] std::vector<UnwindRow> take() && { return std::move(rows_); }

private:
    std::vector<UnwindRow> rows_;
};

}  // namespace whoholds
