#include "analyze/trend.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace whoholds {
namespace {

using ::testing::DoubleNear;

// A look every five seconds.
std::vector<Sample> looks(size_t count, const std::function<double(double time_s)>& value_at) {
    std::vector<Sample> samples;
    for (size_t i = 0; i < count; i++) {
        const double time_s = 5.0 * static_cast<double>(i);
        samples.push_back({time_s, value_at(time_s)});
    }
    return samples;
}

class Noise {
public:
    double operator()(double width) { return std::normal_distribution<double>(0, width)(engine_); }

private:
    std::mt19937 engine_{12345};
};

bool grows(const std::vector<Sample>& samples) {
    const auto trend = fit_trend(samples);
    return trend && grows_steadily(*trend);
}

TEST(Trend, needs_some_points) {
    EXPECT_FALSE(fit_trend(looks(5, [](double time_s) { return time_s; })));
    EXPECT_TRUE(fit_trend(looks(6, [](double time_s) { return time_s; })));
}

TEST(Trend, slope_of_a_line_is_exact_and_its_range_is_narrow) {
    const auto trend = fit_trend(looks(13, [](double time_s) { return 100 + 3 * time_s; }));

    ASSERT_TRUE(trend);
    EXPECT_THAT(trend->per_s, DoubleNear(3, 1e-9));
    EXPECT_THAT(trend->low_per_s, DoubleNear(3, 1e-9));
    EXPECT_THAT(trend->high_per_s, DoubleNear(3, 1e-9));
    EXPECT_THAT(trend->rise, DoubleNear(180, 1e-9));
    EXPECT_TRUE(grows_steadily(*trend));
}

TEST(Trend, survives_wild_samples) {
    auto samples = looks(13, [](double time_s) { return 100 + 3 * time_s; });
    samples[4].value = 1e9;
    samples[9].value = 0;

    const auto trend = fit_trend(samples);

    ASSERT_TRUE(trend);
    EXPECT_THAT(trend->per_s, DoubleNear(3, 0.5));
    EXPECT_LE(trend->low_per_s, 3);
    EXPECT_GE(trend->high_per_s, 3);
}

TEST(Trend, a_slow_rise_under_noise_is_seen) {
    Noise noise;
    EXPECT_TRUE(grows(looks(13, [&](double time_s) { return 1000 + 2 * time_s + noise(8); })));
}

TEST(Trend, noise_alone_does_not_grow) {
    Noise noise;
    int grown = 0;
    constexpr int kTries = 1000;
    for (int i = 0; i < kTries; i++) grown += grows(looks(13, [&](double) { return 1000 + noise(50); })) ? 1 : 0;
    EXPECT_LE(grown, 10);
}

TEST(Trend, plateaus_bursts_steps_and_saw_teeth_do_not_grow) {
    EXPECT_FALSE(grows(looks(13, [](double) { return 7.0; })));
    EXPECT_FALSE(grows(looks(13, [](double time_s) { return std::min(time_s, 30.0); }))) << "plateau at half time";
    EXPECT_FALSE(grows(looks(13, [](double time_s) { return time_s < 30 ? 10.0 : 1000.0; }))) << "one step";
    EXPECT_FALSE(grows(looks(13, [](double time_s) { return std::fmod(time_s, 20); }))) << "teeth of 20 s";
    EXPECT_FALSE(grows(looks(13, [](double time_s) { return time_s >= 20 && time_s < 35 ? 500.0 : 10.0; }))) << "burst";
    EXPECT_FALSE(grows(looks(13, [](double time_s) { return 1000 - time_s; }))) << "it shrinks";
    EXPECT_FALSE(grows(looks(61, [](double time_s) { return 1000 * (1 - std::exp(-time_s / 20)); }))) << "it settles";
}

TEST(Trend, rare_steps_that_go_on_do_grow) {
    EXPECT_TRUE(grows(looks(25, [](double time_s) { return std::floor(time_s / 15) * 64; })));
}

TEST(Trend, takes_few_of_many_points) {
    const auto trend = fit_trend(looks(5000, [](double time_s) { return 2 * time_s; }));

    ASSERT_TRUE(trend);
    EXPECT_EQ(trend->points, 5000U);
    EXPECT_THAT(trend->per_s, DoubleNear(2, 1e-9));
}

}  // namespace
}  // namespace whoholds
