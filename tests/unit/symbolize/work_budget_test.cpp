#include "symbolize/work_budget.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(WorkBudget, without_a_batch_everything_is_allowed) {
    WorkBudget budget;

    EXPECT_FALSE(budget.is_used_up());
    EXPECT_TRUE(budget.allows(1'000'000));
}

TEST(WorkBudget, ends_with_its_time) {
    uint64_t now = 100;
    WorkBudget budget;
    budget.start_batch(50, [&now] { return now; });

    EXPECT_TRUE(budget.allows(50));
    now = 120;
    EXPECT_FALSE(budget.allows(31));
    EXPECT_TRUE(budget.allows(30));
    EXPECT_FALSE(budget.is_used_up());
    now = 150;
    EXPECT_TRUE(budget.is_used_up());
    EXPECT_FALSE(budget.allows(0));
}

TEST(WorkBudget, what_fits_no_budget_waits_for_the_second_batch_and_then_goes_alone) {
    WorkBudget budget;
    const auto now = [] { return uint64_t{0}; };

    budget.start_batch(50, now);
    EXPECT_FALSE(budget.allows(2000));
    budget.start_batch(50, now);
    EXPECT_TRUE(budget.allows(2000));
    EXPECT_FALSE(budget.allows(2000));
    budget.start_batch(0, now);
    EXPECT_FALSE(budget.allows(2000));
    EXPECT_FALSE(budget.allows(1));
}

TEST(WorkBudget, memory_is_given_out_once) {
    WorkBudget budget;

    EXPECT_FALSE(budget.take_memory(uint64_t{2} << 30));
    EXPECT_TRUE(budget.take_memory(uint64_t{1} << 29));
    EXPECT_TRUE(budget.take_memory(uint64_t{1} << 29));
    EXPECT_FALSE(budget.take_memory(1));
}

TEST(WorkBudget, much_memory_is_taken_only_where_it_can_be_spared) {
    WorkBudget budget;
    uint64_t spare = uint64_t{100} << 20;
    budget.set_spare([&] { return spare; });

    EXPECT_TRUE(budget.take_memory(uint64_t{100} << 20));
    const auto refused = budget.take_memory(uint64_t{101} << 20);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "101 MiB would have to be read, and 100 MiB can be spared without bringing the program near a limit of "
              "its memory");
    spare = 0;
    EXPECT_TRUE(budget.take_memory(uint64_t{1} << 20)) << "a little is never too much";
}

}  // namespace
}  // namespace whoholds
