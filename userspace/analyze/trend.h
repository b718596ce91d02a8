// Trend: whether a number grows, how fast, and how sure that is, from samples of it over time. Robust: a few wild samples do not
// change it, and the difference of two points is never taken. Used by the rules of findings and by forecasts. Pure.
//
// The slope is the median of the slopes through all pairs of points (Theil and Sen), its range the one that holds it with 95 %
// confidence, and whether it rises at all is decided by the number of pairs that do (Mann and Kendall).
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace whoholds {

struct Sample {
    double time_s = 0;
    double value = 0;
};

struct Trend {
    double per_s = 0;
    double low_per_s = 0;
    double high_per_s = 0;
    double score = 0;  // of Mann and Kendall's test, in standard deviations; above 0: it rises
    double rise = 0;   // per_s over the time observed
    double span_s = 0;
    double level = 0;               // median of all
    double last_third_per_s = 0;    // the slope there
    double middle_per_s = 0;        // from the end of the first quarter on: start-up does not count
    double largest_step_share = 0;  // of all rises between neighbours, how much the largest one is
    size_t rising_steps = 0;
    double last_rise_at = 0;  // 0: at the beginning, 1: at the end
    size_t points = 0;
};

constexpr size_t kFewestTrendPoints = 6;

// nullopt: fewer than kFewestTrendPoints. Takes at most 64 points of many, evenly. Times rise.
std::optional<Trend> fit_trend(std::span<const Sample> samples);

// Rises throughout and still does: no plateau, no single step, no noise. score: how sure it must be, see Trend.
bool grows_steadily(const Trend& trend, double score = 2.5);

}  // namespace whoholds
