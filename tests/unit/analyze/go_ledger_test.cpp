#include "analyze/go_ledger.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

Goroutine goroutine(uint64_t id, uint64_t creator) {
    Goroutine one;
    one.record.id = id;
    one.record.creator = creator;
    one.record.start = 0x9000;
    one.record.state = GoroutineState::kWaiting;
    return one;
}

GoReadings seen(std::vector<Goroutine> goroutines) {
    GoReadings readings;
    readings.goroutines.emplace();
    readings.goroutines->goroutines = std::move(goroutines);
    return readings;
}

void expect_sums(const GoTally& tally) {
    EXPECT_EQ(tally.held.count, tally.before.count + tally.acquired.count - tally.released.count);
    EXPECT_EQ(tally.held.bytes, tally.before.bytes + tally.acquired.bytes - tally.released.bytes);
}

TEST(GoLedger, goroutines_of_the_first_look_were_there_before) {
    GoLedger ledger;

    ledger.look(seen({goroutine(7, 0x100), goroutine(8, 0x100), goroutine(9, 0x200)}), 0);
    ledger.look(seen({goroutine(8, 0x100), goroutine(10, 0x100), goroutine(11, 0x300)}), 1);

    const GoTally& first = ledger.goroutines().at(0x100);
    EXPECT_EQ(first.held, (Amount{2, 0}));
    EXPECT_EQ(first.before, (Amount{2, 0}));
    EXPECT_EQ(first.acquired, (Amount{1, 0}));
    EXPECT_EQ(first.released, (Amount{1, 0}));
    EXPECT_EQ(ledger.goroutines().at(0x200).held.count, 0U);
    EXPECT_EQ(ledger.goroutines().at(0x300).before.count, 0U);
    EXPECT_EQ(ledger.goroutine_total().held, (Amount{3, 0}));
    for (const auto& [creator, tally] : ledger.goroutines()) expect_sums(tally);
    expect_sums(ledger.goroutine_total());
}

TEST(GoLedger, a_process_that_began_under_our_eyes_has_nothing_from_before) {
    GoLedger ledger;
    ledger.begin_with_nothing();

    ledger.look(seen({goroutine(7, 0x100), goroutine(8, 0x100)}), 0);

    EXPECT_EQ(ledger.goroutine_total().before.count, 0U);
    EXPECT_EQ(ledger.goroutine_total().acquired.count, 2U);
}

TEST(GoLedger, one_that_could_not_be_read_is_held_still) {
    GoLedger ledger;
    ledger.look(seen({goroutine(7, 0x100), goroutine(8, 0x100)}), 0);
    GoReadings torn = seen({goroutine(8, 0x100)});
    torn.goroutines->torn = 1;
    torn.goroutines->torn_ids = {7};

    ledger.look(torn, 1);
    EXPECT_EQ(ledger.goroutine_total().held.count, 2U);
    ledger.look(seen({goroutine(8, 0x100)}), 2);

    EXPECT_EQ(ledger.goroutine_total().held.count, 1U);
    EXPECT_EQ(ledger.goroutine_total().released.count, 1U);
}

TEST(GoLedger, the_runtimes_own_are_not_counted_and_the_first_one_stands_for_itself) {
    GoLedger ledger;
    Goroutine system = goroutine(2, 0x100);
    system.is_system = true;

    ledger.look(seen({goroutine(1, 0x50), system}), 0);

    EXPECT_EQ(ledger.goroutine_total().held.count, 1U);
    EXPECT_EQ(ledger.goroutines().at(0x9001).held.count, 1U);
}

TEST(GoLedger, the_heap_is_what_its_profile_says_since_the_process_started) {
    GoLedger ledger;
    GoReadings readings;
    readings.heap = GoHeapProfile{.rate_bytes = 512, .sampled = {}, .scaled = {}, .cycles = 3};
    readings.heap->scaled = {{{1, 2}, {10, 1000}, {4, 400}}, {{1, 3}, {5, 50}, {5, 50}}};

    for (int second = 0; second < 4; ++second) {
        ledger.look(readings, second);
        readings.heap->scaled[0].allocated.bytes += 100;
        readings.heap->scaled[0].allocated.objects += 1;
    }

    const std::vector<uint64_t> stack = {1, 2};
    EXPECT_EQ(ledger.heap().at(stack).held, (Amount{9, 900}));
    EXPECT_EQ(ledger.heap_total().acquired, (Amount{18, 1350}));
    EXPECT_EQ(ledger.heap_total().held, (Amount{9, 900}));
    ASSERT_TRUE(ledger.heap().at(stack).growth.per_minute());
    EXPECT_NEAR(ledger.heap().at(stack).growth.per_minute()->bytes, 6000, 1);
    expect_sums(ledger.heap_total());
}

}  // namespace
}  // namespace whoholds
