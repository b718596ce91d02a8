#include "analyze/survival.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kFewestSlices = 4;

// Neighbours, until there is enough in each to tell. From the end, so that the latest slices stay whole.
void join_pairs(std::vector<double>& values) {
    std::vector<double> joined;
    for (size_t i = values.size(); i >= 2; i -= 2) joined.push_back(values[i - 1] + values[i - 2]);
    std::ranges::reverse(joined);
    values = std::move(joined);
}

}  // namespace

bool Survival::is_even() const {
    constexpr double kOccupied = 0.7;
    constexpr double kLargest = 0.5;
    return occupied >= kOccupied && goes_on() && largest <= kLargest;
}

OldSlices slices_in(const SliceRange& range, const ProcessReport& process, const StackReport& stack,
                    const StackHistory& history) {
    OldSlices old;
    const size_t known = std::min({stack.held_by_slice.size(), process.slice_ends_s.size(), range.most});
    const double attached_at_s = process.attached_s > 0 ? range.now_s - process.attached_s : 0;
    for (size_t i = 0; i < known && process.slice_ends_s[i] <= range.end_s; i++) {
        if (process.slice_ends_s[i] <= attached_at_s) continue;
        old.held.push_back(static_cast<double>(stack.held_by_slice[i]));
        if (i < history.left_when_old.size()) old.left.push_back(history.left_when_old[i]);
    }
    return old;
}

std::optional<Survival> survival_of(OldSlices old, double enough_per_slice) {
    double now = 0;
    double then = 0;
    for (size_t i = 0; i < old.left.size(); i++) {
        now += std::min(old.held[i], old.left[i]);
        then += old.left[i];
    }
    double sum = std::accumulate(old.held.begin(), old.held.end(), 0.0);
    while (old.held.size() >= 2 * kFewestSlices && sum < enough_per_slice * static_cast<double>(old.held.size())) {
        join_pairs(old.held);
        sum = std::accumulate(old.held.begin(), old.held.end(), 0.0);
    }
    if (old.held.size() < kFewestSlices) return std::nullopt;
    Survival survival{.slices = old.held.size(), .kept = then > 0 ? now / then : 1};
    if (sum <= 0) {
        survival.kept = 0;
        return survival;
    }
    const auto slices = static_cast<double>(old.held.size());
    const auto occupied = std::ranges::count_if(old.held, [](double one) { return one > 0; });
    survival.occupied = static_cast<double>(occupied) / slices;
    survival.largest = *std::ranges::max_element(old.held) / sum;
    const size_t quarter = std::max<size_t>(old.held.size() / 4, 1);
    const double late = std::accumulate(old.held.end() - static_cast<ptrdiff_t>(quarter), old.held.end(), 0.0);
    survival.late = late / static_cast<double>(quarter) / (sum / slices);
    return survival;
}

std::optional<Survival> survival_of(const ProcessReport& process, const StackReport& stack, const StackHistory& history,
                                    double time_s) {
    if (stack.held_by_slice.empty()) return std::nullopt;
    return survival_of(
        slices_in({.most = stack.held_by_slice.size(), .end_s = time_s - History::kOldS, .now_s = time_s}, process,
                  stack, history));
}

}  // namespace whoholds
