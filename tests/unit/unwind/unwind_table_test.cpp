#include "unwind/unwind_table.h"

#include <gtest/gtest.h>

#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

constexpr wh_unwind_rule kA = make_rule(WH_CFA_SP, 8);
constexpr wh_unwind_rule kB = make_rule(WH_CFA_SP, 16);

const std::vector<UnwindRow> kRows = {{100, kA}, {110, kB}, {120, kGapRule}, {150, kA}, {160, kGapRule}};

std::vector<std::pair<uint64_t, uint64_t>> gaps(const std::vector<UnwindRow>& rows,
                                                const std::vector<UnwindRange>& ranges) {
    std::vector<std::pair<uint64_t, uint64_t>> result;
    for (const UnwindRange& gap : gaps_in(rows, ranges)) result.emplace_back(gap.start, gap.end);
    return result;
}

using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(UnwindTable, gaps_are_what_no_row_covers) {
    EXPECT_EQ(gaps(kRows, {{50, 200}}), (Pairs{{50, 100}, {120, 150}, {160, 200}}));
    EXPECT_EQ(gaps(kRows, {{105, 155}}), (Pairs{{120, 150}}));
    EXPECT_EQ(gaps(kRows, {{130, 140}, {145, 150}}), (Pairs{{130, 140}, {145, 150}}));
    EXPECT_EQ(gaps(kRows, {{100, 120}}), (Pairs{}));
    EXPECT_EQ(gaps({}, {{1, 2}}), (Pairs{{1, 2}}));
}

// Whatever the patches, each address has the patch's rule or the one that it had.
TEST(UnwindTable, patches_change_their_range_and_nothing_else) {
    const std::vector<UnwindRange> ranges = {{50, 60},   {90, 100},  {100, 110}, {105, 106}, {110, 120},
                                             {115, 155}, {119, 121}, {120, 150}, {149, 160}, {160, 170},
                                             {170, 180}, {90, 200},  {120, 121}, {160, 161}};
    for (const UnwindRange& first : ranges) {
        for (const UnwindRange& second : ranges) {
            UnwindTable table;
            table.rows = apply_patches(kRows, {{first, kEndRule}, {second, kSignalRule}});
            expect_well_formed(table);
            const bool first_wins = first.start <= second.start;
            const UnwindRange& winner = first_wins ? first : second;
            const UnwindRange& other = first_wins ? second : first;
            for (uint64_t address = 40; address < 210; ++address) {
                wh_unwind_rule expected = rule_at(kRows, address);
                if (address >= winner.start && address < winner.end)
                    expected = first_wins ? kEndRule : kSignalRule;
                else if (other.start >= winner.end && address >= other.start && address < other.end)
                    expected = first_wins ? kSignalRule : kEndRule;
                expect_rule(table, address, expected);
            }
        }
    }
}

TEST(UnwindTable, patches_make_rows_where_there_were_none) {
    UnwindTable table;
    table.rows = apply_patches({}, {{{10, 20}, kEndRule}, {{20, 30}, kEndRule}, {{40, 40}, kSignalRule}});

    expect_well_formed(table);
    EXPECT_EQ(table.rows.size(), 2U);
    expect_rule(table, 29, kEndRule);
}

}  // namespace
}  // namespace whoholds
