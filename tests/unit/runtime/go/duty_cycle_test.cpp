// Probes that cost more than they may are taken away for a while.
#include "runtime/go/duty_cycle.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr uint64_t kMs = 1'000'000;

// What a target loses to whom probes would cost `share` of a core if they were always there.
double cost_of(double share, double budget, uint64_t seconds) {
    DutyCycle duty(budget, 0);
    double spent_ns = 0;
    constexpr uint64_t kTickMs = 100;
    for (uint64_t ms = kTickMs; ms <= seconds * 1000; ms += kTickMs) {
        if (duty.is_on()) spent_ns += share * static_cast<double>(kTickMs * kMs);
        duty.update(spent_ns, ms * kMs);
    }
    return spent_ns / 1e9 / static_cast<double>(seconds);
}

TEST(DutyCycle, does_not_pause_within_the_budget) {
    DutyCycle duty(0.02, 0);
    for (uint64_t ms = 0; ms < 20'000; ms += 100)
        EXPECT_TRUE(duty.update(0.015 * static_cast<double>(ms * kMs), ms * kMs));
    EXPECT_DOUBLE_EQ(duty.on_share(20'000 * kMs), 1);
}

TEST(DutyCycle, keeps_the_average_within_the_budget) {
    EXPECT_NEAR(cost_of(0.025, 0.02, 600), 0.02, 0.0005);
    EXPECT_NEAR(cost_of(0.3, 0.02, 600), 0.02, 0.0005);
    EXPECT_NEAR(cost_of(7, 0.02, 600), 0.02, 0.002) << "of many processors";
    EXPECT_NEAR(cost_of(0.05, 1e9, 600), 0.05, 0.001) << "no budget, no pause";
}

TEST(DutyCycle, keeps_it_within_seconds_too) { EXPECT_LT(cost_of(0.4, 0.02, 5), 0.03); }

TEST(DutyCycle, pauses_for_times_that_differ) {
    DutyCycle duty(0.02, 0);
    double spent_ns = 0;
    uint64_t shortest = UINT64_MAX;
    uint64_t longest = 0;
    uint64_t paused_ms = 0;
    for (uint64_t ms = 0; ms < 100'000; ms += 10) {
        if (duty.is_on()) spent_ns += 3e6;
        if (duty.update(spent_ns, ms * kMs)) {
            if (paused_ms != 0) shortest = std::min(shortest, paused_ms);
            longest = std::max(longest, paused_ms);
            paused_ms = 0;
        } else {
            paused_ms += 10;
        }
    }
    EXPECT_LT(2 * shortest, longest);
    EXPECT_LT(longest, 1500u);
}

TEST(DutyCycle, tells_how_much_of_the_time_it_was_on) {
    DutyCycle duty(0.01, 0);
    duty.update(50e6, 1000 * kMs);  // 5 % of a core: some seconds of pause
    EXPECT_FALSE(duty.is_on());
    EXPECT_NEAR(duty.on_share(4000 * kMs), 0.25, 0.01);
    EXPECT_TRUE(duty.update(50e6, 6000 * kMs));
    EXPECT_NEAR(duty.on_share(8000 * kMs), 3.0 / 8, 0.01);
}

}  // namespace
}  // namespace whoholds
