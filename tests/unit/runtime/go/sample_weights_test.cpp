// For how much of what is allocated a sample stands.
#include "runtime/go/sample_weights.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr GoSize kWith{64, true};
constexpr GoSize kWithout{64, false};

GoAllocations allocated(uint64_t bytes) { return {{{.element_bytes = 64, .allocated = {bytes / 64, bytes}}}}; }

GoUnweighed samples_of(const GoSize& size, double bytes, uint64_t count = 100) {
    return {{size, {.bytes = bytes, .count = count, .oldest_ns = 0}}};
}

GoCensus census_of(uint64_t with, uint64_t without) {
    GoCensus census;
    census.classes.push_back({.size = kWith, .since = {with / 64, with}});
    census.classes.push_back({.size = kWithout, .since = {without / 64, without}});
    return census;
}

TEST(GoSampleWeights, divide_what_was_allocated_among_the_samples) {
    GoSampleWeights weights;
    weights.begin(allocated(64'000));

    EXPECT_EQ(weights.weights(allocated(96'000), 1, samples_of(kWith, 640)), (GoSampleBytes{{kWith, 50}}));
    EXPECT_EQ(weights.weights(allocated(128'000), 1, samples_of(kWith, 320)), (GoSampleBytes{{kWith, 100}}))
        << "of each window for itself";
}

TEST(GoSampleWeights, what_had_no_samples_goes_to_the_next_ones) {
    GoSampleWeights weights;
    weights.begin(allocated(0));

    EXPECT_TRUE(weights.weights(allocated(32'000), 1, {}).empty());
    EXPECT_EQ(weights.weights(allocated(64'000), 1, samples_of({80, true}, 80)).size(), 1u);
    EXPECT_EQ(weights.weights(allocated(96'000), 1, samples_of(kWith, 960)), (GoSampleBytes{{kWith, 100}}));
}

TEST(GoSampleWeights, divide_by_pointers_as_the_census_does) {
    GoSampleWeights weights;
    weights.begin(allocated(0));
    weights.note(census_of(3000, 1000));

    EXPECT_EQ(weights.weights(allocated(64'000), 1, samples_of(kWith, 640)), (GoSampleBytes{{kWith, 75}}));
    EXPECT_EQ(weights.weights(allocated(128'000), 1, samples_of(kWithout, 640)), (GoSampleBytes{{kWithout, 50}}))
        << "of both windows";
}

TEST(GoSampleWeights, a_sample_stands_for_itself_at_least_and_what_is_counted_late_is_made_up_for) {
    GoSampleWeights weights;
    weights.begin(allocated(0));

    EXPECT_EQ(weights.weights(allocated(0), 1, samples_of(kWith, 640)).at(kWith), 1);
    EXPECT_EQ(weights.weights(allocated(6400), 1, samples_of(kWith, 640)).at(kWith), 9);
    EXPECT_EQ(weights.weights(allocated(100), 1, samples_of(kWith, 640)).at(kWith), 1) << "counters that go backwards";
}

TEST(GoSampleWeights, few_samples_wait_for_more_but_not_for_ever) {
    constexpr uint64_t kSecond = 1'000'000'000;
    GoSampleWeights weights;
    weights.begin(allocated(0));

    EXPECT_TRUE(weights.weights(allocated(6400), kSecond, samples_of(kWith, 64, 1)).empty());
    EXPECT_EQ(weights.weights(allocated(12'800), 10 * kSecond, samples_of(kWith, 128, 2)),
              (GoSampleBytes{{kWith, 100}}));
}

TEST(GoSampleWeights, are_not_known_where_the_runtimes_counters_are_not) {
    EXPECT_EQ(GoSampleWeights().weights(allocated(6400), 1, samples_of(kWith, 640)), (GoSampleBytes{{kWith, 1}}));
}

}  // namespace
}  // namespace whoholds
