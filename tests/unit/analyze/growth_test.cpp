// The slope of what is held, over the latest reports.
#include "analyze/growth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace whoholds {
namespace {

// So many samples with so much time between them, and so many bytes more each second.
void grow(GrowthSeries& series, double from_s, double interval_s, size_t samples, double bytes_a_second) {
    for (size_t i = 0; i < samples; i++) {
        const double passed_s = interval_s * static_cast<double>(i);
        series.add(from_s + passed_s, {i, static_cast<uint64_t>(1e6 + bytes_a_second * passed_s)});
    }
}

TEST(Growth, is_unknown_with_fewer_than_three_samples) {
    GrowthSeries series;
    grow(series, 0, 1, 2, 100);
    EXPECT_FALSE(series.per_minute());
    series.add(2, {2, 1'000'200});
    ASSERT_TRUE(series.per_minute());
    EXPECT_NEAR(series.per_minute()->bytes, 6000, 1);
    EXPECT_NEAR(series.per_minute()->count, 60, 0.1);
}

TEST(Growth, is_that_of_the_latest_eight_reports_a_second_or_more_apart) {
    for (double interval_s : {1.0, 5.0, 60.0}) {
        GrowthSeries series;
        grow(series, 0, interval_s, 20, 1000);
        grow(series, 20 * interval_s, interval_s, 8, 10);
        EXPECT_NEAR(series.per_minute()->bytes, 600, 1) << interval_s;
    }
}

TEST(Growth, of_reports_that_come_often_is_of_the_latest_seconds) {
    GrowthSeries series;
    grow(series, 0, 0.1, 300, 1000);
    EXPECT_NEAR(series.per_minute()->bytes, 60'000, 10);
    grow(series, 30, 0.1, 160, 10);
    EXPECT_NEAR(series.per_minute()->bytes, 600, 10) << "what was before is forgotten";
}

// As a heap does whose collector runs every two seconds.
TEST(Growth, of_a_heap_that_goes_up_and_down_is_small_also_where_reports_come_often) {
    GrowthSeries series;
    double most = 0;
    for (int i = 0; i < 300; i++) {
        series.add(0.1 * i, {0, 10'000'000 + 100'000 * static_cast<uint64_t>(i % 20)});
        if (i > 100) most = std::max(most, std::abs(series.per_minute()->bytes));
    }
    EXPECT_LT(most, 0.3 * 60e6) << "up, it moves by 60 MB a minute";
}

// What was made while a collector looked comes on top, now and then.
TEST(Growth, is_that_of_the_least_of_reports_that_come_often) {
    GrowthSeries series;
    for (int i = 0; i < 100; i++)
        series.add(0.1 * i, {0, 10'000'000 + (i % 4 == 3 ? 0 : 50'000 * static_cast<uint64_t>(i))});
    EXPECT_NEAR(series.per_minute()->bytes, 0, 1);
}

}  // namespace
}  // namespace whoholds
