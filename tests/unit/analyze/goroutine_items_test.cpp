#include "analyze/goroutine_items.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace whoholds {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

Goroutine waiting(uint64_t id, uint64_t creator, int64_t since_ns) {
    Goroutine one;
    one.record.id = id;
    one.record.creator = creator;
    one.record.state = GoroutineState::kWaiting;
    one.record.wait_reason = 1;
    one.record.wait_since_ns = since_ns;
    one.record.stack_high = 8192;
    one.channel = 0xc000;
    return one;
}

class GoroutineItemsTest : public ::testing::Test {
protected:
    void look(std::vector<Goroutine> goroutines, double time_s) {
        GoReadings readings;
        readings.goroutines.emplace();
        readings.goroutines->goroutines = goroutines;
        snapshot_.goroutines = std::move(goroutines);
        ledger_.look(readings, time_s);
        now_s_ = time_s;
    }
    StackReport describe(uint64_t creator) {
        GoroutineItems items({.snapshot = snapshot_,
                              .ledger = ledger_,
                              .wait_reasons = reasons_,
                              .now_ns = static_cast<uint64_t>(now_s_ * kSecondNs),
                              .now_s = now_s_},
                             symbolizer_);
        StackReport report;
        items.describe(std::vector<uint64_t>{creator}, report);
        oldest_s_ = items.oldest_s();
        return report;
    }

    std::optional<double> oldest_s_;

private:
    GoroutineSnapshot snapshot_;
    GoLedger ledger_;
    std::vector<std::string> reasons_ = {"", "chan receive"};
    double now_s_ = 0;
    Symbolizer symbolizer_{ProcRoot(), ::getpid()};
};

TEST_F(GoroutineItemsTest, an_age_is_not_known_at_the_first_look) {
    look({waiting(7, 0x100, 0)}, 10);

    const StackReport report = describe(0x100);

    EXPECT_FALSE(report.oldest_s);
    EXPECT_FALSE(report.oldest_is_at_least);
    EXPECT_FALSE(oldest_s_);
    ASSERT_EQ(report.items.size(), 1U);
    EXPECT_FALSE(report.items[0].age_s);
    EXPECT_FALSE(report.items[0].blocked_s);
}

TEST_F(GoroutineItemsTest, an_age_is_at_least_since_when_it_was_seen_and_since_when_it_is_blocked) {
    look({waiting(7, 0x100, 0)}, 10);
    look({waiting(7, 0x100, 0), waiting(8, 0x100, 2 * kSecondNs), waiting(9, 0x200, 0)}, 30);

    const StackReport report = describe(0x100);

    EXPECT_EQ(report.oldest_s, 28);
    EXPECT_TRUE(report.oldest_is_at_least);
    ASSERT_EQ(report.items.size(), 2U);
    EXPECT_EQ(report.items[0].key, 8U);  // the oldest first
    EXPECT_EQ(report.items[0].blocked_s, 28);
    EXPECT_EQ(report.items[0].wait_reason, "chan receive");
    EXPECT_EQ(report.items[0].channel, 0xc000U);
    EXPECT_EQ(report.items[1].age_s, 20);
    EXPECT_EQ(oldest_s_, 28);
}

TEST_F(GoroutineItemsTest, no_more_are_listed_than_of_other_kinds_but_all_are_grouped) {
    std::vector<Goroutine> many;
    for (uint64_t id = 2; id < 1002; ++id) many.push_back(waiting(id, 0x100, 0));
    look(many, 0);

    const StackReport report = describe(0x100);

    EXPECT_EQ(report.items.size(), kMaxItems);
    EXPECT_EQ(report.items_omitted, 1000 - kMaxItems);
    ASSERT_EQ(report.item_groups.size(), 1U);
    EXPECT_EQ(report.item_groups[0].count, 1000U);
    EXPECT_EQ(report.item_groups_of, 1000U);
    EXPECT_EQ(report.item_groups[0].size_bytes, 1000 * 8192U);
}

}  // namespace
}  // namespace whoholds
