// What stacks hold, reckoned from a census and samples.
#include "analyze/go_heap_estimate.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr GoSize kSize{64, true};

GoCensus census_of(uint64_t alive, uint64_t allocated, uint64_t since = 0) {
    GoCensus census;
    census.classes.push_back({.size = kSize, .alive = {alive, alive * 64}, .since = {since, since * 64}});
    census.alive = {alive, alive * 64};
    census.since = {since, since * 64};
    census.allocations.emplace();
    const uint64_t freed = allocated - alive - since;
    census.allocations->classes.push_back({64, {allocated, allocated * 64}, {freed, freed * 64}});
    return census;
}

GoWeight weight_of(uint64_t count) { return {static_cast<double>(count), static_cast<double>(count) * 64}; }

GoSampleSummary samples_of(std::vector<std::pair<uint64_t, uint64_t>> seen_alive) {  // stacks 1, 2, …
    GoSampleSummary summary;
    uint32_t stack = 0;
    for (const auto& [seen, alive] : seen_alive)
        summary.stacks.push_back(
            {.stack = ++stack, .size = kSize, .seen = weight_of(seen), .alive = weight_of(alive), .kept_alive = alive});
    return summary;
}

Amount sum_of_rows(const GoHeapEstimate& estimate) {
    Amount sum = estimate.rest().held;
    for (const auto& [key, row] : estimate.stacks()) {
        sum.count += row.held.count;
        sum.bytes += row.held.bytes;
    }
    return sum;
}

TEST(GoHeapEstimate, says_what_samples_stand_for_and_leaves_the_rest_without_a_stack) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1500, 5000), {}, 0);

    estimate.look(census_of(3000, 25'000, 100), samples_of({{15'000, 1500}, {5000, 0}}), 1);

    const GoEstimate& row = estimate.stacks().at({1, kSize});
    EXPECT_EQ(row.acquired.count, 15'000u);
    EXPECT_EQ(row.held.count, 1500u);
    EXPECT_EQ(estimate.rest().held.count, 1500u);
    EXPECT_EQ(row.samples, 1500u);
    EXPECT_EQ(estimate.stacks().at({2, kSize}).held.count, 0u);
    EXPECT_EQ(estimate.total().held.count, 3000u);
    EXPECT_EQ(sum_of_rows(estimate).count, 3000u);
}

TEST(GoHeapEstimate, never_holds_more_than_there_is) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);

    estimate.look(census_of(500, 105'000), samples_of({{50'000, 45'000}, {50'000, 5000}}), 1);

    EXPECT_EQ(estimate.stacks().at({1, kSize}).held.count, 450u);
    EXPECT_EQ(estimate.stacks().at({2, kSize}).held.count, 50u);
    EXPECT_EQ(sum_of_rows(estimate).bytes, 500u * 64);
}

TEST(GoHeapEstimate, holds_what_came_since_the_attach_also_where_samples_meet_a_rhythm) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);
    estimate.look(census_of(800, 5000), {}, 1);

    estimate.look(census_of(3000, 25'000), samples_of({{15'000, 900}, {5000, 600}, {100, 0}}), 2);

    EXPECT_EQ(estimate.stacks().at({1, kSize}).held.count, 1320u) << "at most 800 of the 3,000 were there before";
    EXPECT_EQ(estimate.stacks().at({2, kSize}).held.count, 880u);
    EXPECT_EQ(estimate.stacks().at({3, kSize}).held.count, 0u);
    EXPECT_EQ(sum_of_rows(estimate).count, 3000u);
}

TEST(GoHeapEstimate, does_not_guess_who_holds_what_was_not_sampled) {
    struct Case {
        const char* why;
        uint64_t kept_alive;
        uint64_t alive;
        uint64_t waiting;
        uint64_t held;
    };
    for (const Case& one : {Case{"few samples", 15, 1500, 0, 1500}, Case{"not judged yet", 16, 1500, 600, 1500},
                            Case{"some are not judged yet", 16, 1500, 300, 1700},
                            Case{"all at once, while sampling paused", 16, 500, 0, 1000}}) {
        GoHeapEstimate estimate;
        estimate.look(census_of(1000, 5000), {}, 0);
        GoSampleSummary samples = samples_of({{15'000, one.alive}});
        samples.stacks[0].kept_alive = one.kept_alive;
        samples.stacks[0].waiting = weight_of(one.waiting);

        estimate.look(census_of(3000, 25'000), samples, 1);

        EXPECT_EQ(estimate.stacks().at({1, kSize}).held.count, one.held) << one.why;
        EXPECT_EQ(sum_of_rows(estimate).count, 3000u) << one.why;
    }
}

TEST(GoHeapEstimate, a_bounded_cache_that_turns_over_does_not_grow) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);
    for (uint64_t i = 1; i <= 6; ++i)
        estimate.look(census_of(1000, 5000 + 100 * i), samples_of({{100 * i, 100 * i}}), static_cast<double>(i));

    const GoEstimate& row = estimate.stacks().at({1, kSize});
    ASSERT_TRUE(row.growth.per_minute());
    EXPECT_GT(row.growth.per_minute()->count, 1000);
    EXPECT_DOUBLE_EQ(row.growth_part, 0) << "as much of what was there before went";
}

TEST(GoHeapEstimate, what_stacks_lose_while_sampling_pauses_is_no_growth_of_the_rest) {
    GoHeapEstimate estimate;
    for (uint64_t i = 0; i <= 6; ++i)
        estimate.look(census_of(1000, 5000 + 100 * i), samples_of({{600, 600 - 100 * i}}), static_cast<double>(i));

    ASSERT_TRUE(estimate.rest().growth.per_minute());
    EXPECT_GT(estimate.rest().growth.per_minute()->count, 1000);
    EXPECT_DOUBLE_EQ(estimate.rest().growth_part, 0) << "the heap is as large as it was";
}

TEST(GoHeapEstimate, takes_numbers_that_make_no_sense) {
    GoHeapEstimate estimate;
    GoCensus census = census_of(10, 20);
    census.allocations->classes[0].allocated = {UINT64_MAX, UINT64_MAX};
    census.classes.push_back({.size = {0, false}, .alive = {UINT64_MAX, UINT64_MAX}});
    GoSampleSummary samples = samples_of({{0, UINT64_MAX / 64}, {UINT64_MAX / 64, 1}});

    for (int i = 0; i < 5; ++i) estimate.look(census, samples, i);

    EXPECT_EQ(estimate.total().held.count, 10u);
}

}  // namespace
}  // namespace whoholds
