#include "analyze/trend.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace whoholds {
namespace {

constexpr size_t kMostPoints = 64;

std::vector<Sample> thinned(std::span<const Sample> samples) {
    if (samples.size() <= kMostPoints) return {samples.begin(), samples.end()};
    std::vector<Sample> kept;
    kept.reserve(kMostPoints);
    for (size_t i = 0; i < kMostPoints; i++) kept.push_back(samples[i * (samples.size() - 1) / (kMostPoints - 1)]);
    return kept;
}

double median_of(std::vector<double>& values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::vector<double> slopes_of(std::span<const Sample> samples) {
    std::vector<double> slopes;
    slopes.reserve(samples.size() * (samples.size() - 1) / 2);
    for (size_t i = 0; i < samples.size(); i++)
        for (size_t j = i + 1; j < samples.size(); j++) {
            const double time = samples[j].time_s - samples[i].time_s;
            if (time > 0) slopes.push_back((samples[j].value - samples[i].value) / time);
        }
    return slopes;
}

double slope_of(std::span<const Sample> samples) {
    std::vector<double> slopes = slopes_of(samples);
    return median_of(slopes);
}

std::span<const Sample> from_time(std::span<const Sample> samples, double time_s, size_t at_least) {
    const auto first = std::ranges::find_if(samples, [&](const Sample& one) { return one.time_s >= time_s; });
    const auto kept = std::max<size_t>(static_cast<size_t>(samples.end() - first), at_least);
    return samples.last(std::min(kept, samples.size()));
}

// How much the sum of signs would vary if nothing moved; equal values make it less.
double variance_of_signs(std::span<const Sample> samples) {
    const auto term = [](double n) { return n * (n - 1) * (2 * n + 5); };
    std::map<double, size_t> equal;
    for (const Sample& one : samples) equal[one.value]++;
    double variance = term(static_cast<double>(samples.size()));
    for (const auto& [value, count] : equal) variance -= term(static_cast<double>(count));
    return variance / 18;
}

void test_of_signs(std::span<const Sample> samples, double variance, Trend& trend) {
    double sum = 0;
    for (size_t i = 0; i < samples.size(); i++)
        for (size_t j = i + 1; j < samples.size(); j++) {
            const double change = samples[j].value - samples[i].value;
            sum += change > 0 ? 1 : change < 0 ? -1 : 0;
        }
    if (variance <= 0 || sum == 0) return;
    trend.score = (sum - (sum > 0 ? 1 : -1)) / std::sqrt(variance);
}

// The ranks around the median that hold the slope in 95 of 100 cases.
void range_of_slope(std::vector<double> slopes, double variance, Trend& trend) {
    std::ranges::sort(slopes);
    const double reach = 1.96 * std::sqrt(std::max(variance, 0.0));
    const auto pairs = static_cast<double>(slopes.size());
    const auto at = [&](double rank) {
        return slopes[static_cast<size_t>(std::clamp(std::floor(rank), 0.0, pairs - 1))];
    };
    trend.low_per_s = at((pairs - reach) / 2);
    trend.high_per_s = at((pairs + reach) / 2);
}

void look_at_steps(std::span<const Sample> samples, Trend& trend) {
    double all = 0;
    double largest = 0;
    for (size_t i = 1; i < samples.size(); i++) {
        const double step = samples[i].value - samples[i - 1].value;
        if (step <= 0) continue;
        trend.rising_steps++;
        trend.last_rise_at = (samples[i].time_s - samples.front().time_s) / trend.span_s;
        all += step;
        largest = std::max(largest, step);
    }
    if (all > 0) trend.largest_step_share = largest / all;
}

}  // namespace

std::optional<Trend> fit_trend(std::span<const Sample> samples) {
    if (samples.size() < kFewestTrendPoints) return std::nullopt;
    const std::vector<Sample> points = thinned(samples);
    Trend trend;
    trend.points = samples.size();
    trend.span_s = points.back().time_s - points.front().time_s;
    if (trend.span_s <= 0) return std::nullopt;
    std::vector<double> slopes = slopes_of(points);
    if (slopes.empty()) return std::nullopt;
    trend.per_s = median_of(slopes);
    const double variance = variance_of_signs(points);
    test_of_signs(points, variance, trend);
    range_of_slope(std::move(slopes), variance, trend);
    trend.rise = trend.per_s * trend.span_s;
    std::vector<double> values;
    for (const Sample& one : points) values.push_back(one.value);
    trend.level = median_of(values);
    constexpr size_t kFewest = 4;
    trend.last_third_per_s = slope_of(from_time(points, points.back().time_s - trend.span_s / 3, kFewest));
    trend.middle_per_s = slope_of(from_time(points, points.front().time_s + trend.span_s / 4, kFewest));
    look_at_steps(points, trend);
    return trend;
}

bool grows_steadily(const Trend& trend, double score) {
    constexpr double kStillGrowing = 0.35;  // of the whole slope, in the last third
    constexpr double kOneStep = 0.6;
    constexpr size_t kFewestSteps = 3;
    return trend.score >= score && trend.low_per_s > 0 && trend.rising_steps >= kFewestSteps &&
           trend.largest_step_share <= kOneStep && trend.last_third_per_s >= kStillGrowing * trend.per_s &&
           trend.middle_per_s >= kStillGrowing * trend.per_s;
}

}  // namespace whoholds
