#include "unwind/unwind_table.h"

#include <algorithm>
#include <iterator>

#include "unwind/row_builder.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

using RowIterator = std::vector<UnwindRow>::const_iterator;

RowIterator first_row_after(const std::vector<UnwindRow>& rows, uint64_t address) {
    return std::upper_bound(rows.begin(), rows.end(), address,
                            [](uint64_t value, const UnwindRow& row) { return value < row.address; });
}

wh_unwind_rule rule_before(const std::vector<UnwindRow>& rows, RowIterator next) {
    return next == rows.begin() ? kGapRule : std::prev(next)->rule;
}

}  // namespace

wh_unwind_rule rule_at(const std::vector<UnwindRow>& rows, uint64_t address) {
    return rule_before(rows, first_row_after(rows, address));
}

std::vector<UnwindRange> gaps_in(const std::vector<UnwindRow>& rows, const std::vector<UnwindRange>& ranges) {
    std::vector<UnwindRange> gaps;
    for (const UnwindRange& range : ranges) {
        uint64_t start = range.start;
        for (auto next = first_row_after(rows, start); start < range.end; ++next) {
            const uint64_t end = next == rows.end() ? range.end : std::min(next->address, range.end);
            if (same_rule(rule_before(rows, next), kGapRule)) gaps.push_back({start, end});
            start = end;
            if (next == rows.end()) break;
        }
    }
    return gaps;
}

std::vector<UnwindRow> apply_patches(const std::vector<UnwindRow>& rows, std::vector<UnwindPatch> patches) {
    std::stable_sort(patches.begin(), patches.end(),
                     [](const UnwindPatch& a, const UnwindPatch& b) { return a.range.start < b.range.start; });
    RowBuilder builder;
    builder.reserve(rows.size() + 2 * patches.size());
    auto next = rows.begin();
    uint64_t done = 0;
    for (const auto& [range, rule] : patches) {
        if (range.start < done || range.start >= range.end) continue;
        for (; next != rows.end() && next->address < range.start; ++next) builder.set(next->address, next->rule);
        builder.set(range.start, rule);
        while (next != rows.end() && next->address <= range.end) ++next;
        builder.set(range.end, rule_before(rows, next));
        done = range.end;
    }
    for (; next != rows.end(); ++next) builder.set(next->address, next->rule);
    return std::move(builder).take();
}

}  // namespace whoholds
