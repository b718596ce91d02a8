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

GoSampleSummary samples_of(std::vector<std::pair<uint64_t, uint64_t>> seen_alive) {  // stacks 1, 2, …
    GoSampleSummary summary;
    uint32_t stack = 0;
    for (const auto& [seen, alive] : seen_alive)
        summary.stacks.push_back({.stack = ++stack,
                                  .size = kSize,
                                  .seen = seen,
                                  .seen_bytes = seen * 64,
                                  .alive = alive,
                                  .alive_bytes = alive * 64,
                                  .kept_alive = alive});
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

TEST(GoHeapEstimate, a_sample_stands_for_what_was_allocated_of_its_size) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);
    estimate.begin_sampling(*census_of(1000, 5000).allocations);

    estimate.look(census_of(3000, 25'000, 100), samples_of({{150, 15}, {50, 0}}), 1);

    const GoEstimate& row = estimate.stacks().at({1, kSize});
    EXPECT_EQ(row.acquired.count, 15'000u);
    EXPECT_NEAR(static_cast<double>(row.held.count), 2000, 1) << "that much more is there than before";
    EXPECT_EQ(row.samples, 15u);
    EXPECT_EQ(estimate.stacks().at({2, kSize}).held.count, 0u);
    EXPECT_EQ(estimate.total().held.count, 3000u);
    EXPECT_EQ(sum_of_rows(estimate).count, 3000u);
}

TEST(GoHeapEstimate, never_holds_more_than_there_is) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);
    estimate.begin_sampling(*census_of(1000, 5000).allocations);

    estimate.look(census_of(500, 105'000), samples_of({{10, 9}, {10, 1}}), 1);

    EXPECT_EQ(estimate.stacks().at({1, kSize}).held.count, 450u);
    EXPECT_EQ(estimate.stacks().at({2, kSize}).held.count, 50u);
    EXPECT_EQ(sum_of_rows(estimate).bytes, 500u * 64);
}

TEST(GoHeapEstimate, a_bounded_cache_that_turns_over_does_not_grow) {
    GoHeapEstimate estimate;
    estimate.look(census_of(1000, 5000), {}, 0);
    estimate.begin_sampling(*census_of(1000, 5000).allocations);
    for (uint64_t i = 1; i <= 6; ++i)
        estimate.look(census_of(1000, 5000 + 100 * i), samples_of({{10 * i, 10 * i}}), static_cast<double>(i));

    const GoEstimate& row = estimate.stacks().at({1, kSize});
    ASSERT_TRUE(row.growth.per_minute());
    EXPECT_GT(row.growth.per_minute()->count, 1000);
    EXPECT_DOUBLE_EQ(row.growth_part, 0) << "as much of what was there before went";
}

TEST(GoHeapEstimate, takes_numbers_that_make_no_sense) {
    GoHeapEstimate estimate;
    estimate.begin_sampling({});
    GoCensus census = census_of(10, 20);
    census.allocations->classes[0].allocated = {UINT64_MAX, UINT64_MAX};
    census.classes.push_back({.size = {0, false}, .alive = {UINT64_MAX, UINT64_MAX}});
    GoSampleSummary samples = samples_of({{0, UINT64_MAX / 64}, {UINT64_MAX / 64, 1}});

    for (int i = 0; i < 5; ++i) estimate.look(census, samples, i);

    EXPECT_EQ(estimate.total().held.count, 10u);
}

}  // namespace
}  // namespace whoholds
