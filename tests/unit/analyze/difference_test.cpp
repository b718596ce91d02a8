#include "analyze/difference.h"

#include <gmock/gmock.h>

#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

TEST(Difference, is_none_between_equal_reports) {
    const Report report = sample_report("leaking");

    const ReportDifference difference = difference_of(report, report);

    EXPECT_TRUE(difference.stacks.empty());
    for (const HeldChange& kind : difference.kinds) EXPECT_EQ(kind.bytes, 0);
}

TEST(Difference, names_what_grew_first_whatever_the_addresses) {
    const Report before = sample_report("leaking");
    Report after = before;
    std::vector<StackReport>& stacks = after.processes[0].stacks;
    ASSERT_GE(stacks.size(), 2U);
    for (StackReport& stack : stacks)
        for (Frame& frame : stack.frames)
            if (frame.module_address != 0) frame.address += 0x1000000;
    stacks[0].id ^= 1;
    stacks[0].held.bytes += 5000;
    stacks[0].held.count += 5;
    stacks[1].held.bytes -= 1000;

    const ReportDifference difference = difference_of(before, after);

    ASSERT_EQ(difference.stacks.size(), 2U);
    EXPECT_EQ(difference.stacks[0].bytes, 5000);
    EXPECT_EQ(difference.stacks[0].count, 5);
    EXPECT_EQ(difference.stacks[0].stack->headline, stacks[0].headline);
    EXPECT_EQ(difference.stacks[1].bytes, -1000);
}

TEST(Difference, what_is_there_in_one_of_them_only_is_all_new_or_all_gone) {
    const Report full = sample_report("leaking");
    Report empty = full;
    empty.processes[0].stacks.clear();
    for (KindReport& kind : empty.processes[0].kinds) kind.held = {};

    const ReportDifference grown = difference_of(empty, full);
    const ReportDifference shrunk = difference_of(full, empty);

    ASSERT_FALSE(grown.stacks.empty());
    EXPECT_EQ(grown.stacks.size(), shrunk.stacks.size());
    EXPECT_GT(grown.stacks[0].bytes, 0);
    EXPECT_LT(shrunk.stacks.back().bytes, 0);
}

}  // namespace
}  // namespace whoholds
