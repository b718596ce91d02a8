// Probes that cost more than they may are taken away for a while.
#include "runtime/go/duty_cycle.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr uint64_t kMs = 1'000'000;

// What a target loses that passes the probes so often while they are there, as a share of a core.
double cost_of(double hits_per_s, double hit_ns, double budget) {
    DutyCycle duty(hit_ns, budget, 0);
    double hits = 0;
    constexpr uint64_t kSeconds = 600;
    for (uint64_t ms = 100; ms <= kSeconds * 1000; ms += 100) {
        if (duty.is_on()) hits += hits_per_s / 10;
        duty.update(static_cast<uint64_t>(hits), ms * kMs);
    }
    return hits * hit_ns / 1e9 / kSeconds;
}

TEST(DutyCycle, does_not_pause_within_the_budget) {
    DutyCycle duty(5000, 0.02, 0);
    for (uint64_t ms = 0; ms < 20'000; ms += 100) EXPECT_TRUE(duty.update(ms * 3, ms * kMs));
    EXPECT_DOUBLE_EQ(duty.on_share(20'000 * kMs), 1);
    EXPECT_NEAR(duty.hits_per_s(), 3000, 1);
}

TEST(DutyCycle, keeps_the_average_within_the_budget) {
    EXPECT_NEAR(cost_of(10'000, 5000, 0.02), 0.02, 0.003);
    EXPECT_NEAR(cost_of(50'000, 5000, 0.02), 0.02, 0.003);
    EXPECT_LT(cost_of(1'000'000, 5000, 0.02), 0.1) << "the longest pause is a minute";
    EXPECT_NEAR(cost_of(10'000, 5000, 1e9), 0.05, 0.001) << "no budget, no pause";
}

TEST(DutyCycle, tells_how_much_of_the_time_it_was_on) {
    DutyCycle duty(5000, 0.01, 0);
    duty.update(10'000, 1000 * kMs);  // 5 % of a core: four seconds of pause
    EXPECT_FALSE(duty.is_on());
    EXPECT_NEAR(duty.on_share(4000 * kMs), 0.25, 0.01);
    EXPECT_TRUE(duty.update(10'000, 5000 * kMs));
    EXPECT_NEAR(duty.on_share(6000 * kMs), 2.0 / 6, 0.01);
}

}  // namespace
}  // namespace whoholds
