#include "analyze/go_heap_estimate.h"

#include <algorithm>
#include <cmath>

namespace whoholds {
namespace {

uint64_t rounded(double value) {
    constexpr double kMost = 9e18;
    return value > 0 ? static_cast<uint64_t>(std::llround(std::min(value, kMost))) : 0;
}

uint64_t above(uint64_t value, uint64_t less) { return value > less ? value - less : 0; }

Amount above(const Amount& value, const Amount& less) {
    return {above(value.count, less.count), above(value.bytes, less.bytes)};
}

void add(Amount& to, const Amount& what) {
    to.count += what.count;
    to.bytes += what.bytes;
}

void note_growth(GoTally& tally, double time_s) {
    tally.growth.add(time_s, tally.held);
    tally.acquired_growth.add(time_s, tally.acquired);
    tally.released_growth.add(time_s, tally.released);
}

}  // namespace

std::map<GoSize, GoHeapEstimate::Sum> GoHeapEstimate::sums(const GoSampleSummary& samples) const {
    std::map<GoSize, Sum> sums;
    for (const GoSampledStack& each : samples.stacks) {
        Sum& sum = sums[each.size];
        sum.estimated_bytes += each.alive.bytes;
        sum.waiting_bytes += each.waiting.bytes;
        sum.samples += each.kept_alive;
    }
    for (const GoSizeClass& each : census_.classes) sums[each.size].alive_bytes = each.alive.bytes;
    for (auto& [size, sum] : sums)
        if (const auto found = sizes_.find(size); found != sizes_.end()) sum.before_bytes = found->second.least_bytes;
    return sums;
}

// fit: see fit_of().
void GoHeapEstimate::estimate(const GoSampledStack& sampled, double fit) {
    GoEstimate& row = stacks_[{sampled.stack, sampled.size}];
    row.held = {rounded(sampled.alive.count * fit), rounded(sampled.alive.bytes * fit)};
    row.acquired = {rounded(sampled.seen.count - sampled.waiting.count),
                    rounded(sampled.seen.bytes - sampled.waiting.bytes)};
    row.acquired = {std::max(row.acquired.count, row.held.count), std::max(row.acquired.bytes, row.held.bytes)};
    row.released = above(row.acquired, row.held);
    row.samples = sampled.kept_alive;
    row.oldest_ns = sampled.oldest_ns;
    row.median_ns = sampled.median_ns;
}

// Not more than there is. There may be more than samples say, and not only where they err: what was allocated while the collector
// marked is there, and judged by the next collection alone; those samples wait.
double GoHeapEstimate::fit_of(const Sum& sum) {
    const auto most = static_cast<double>(sum.alive_bytes);
    if (sum.estimated_bytes > most) return most / sum.estimated_bytes;
    constexpr uint64_t kEnoughSamples = 16;
    constexpr double kMostFit =
        2;  // what is further off was no rhythm, but allocated all at once while sampling paused
    const double least = most - static_cast<double>(sum.before_bytes) - sum.waiting_bytes;
    if (sum.samples < kEnoughSamples || least <= sum.estimated_bytes) return 1;
    return std::min(least / sum.estimated_bytes, kMostFit);
}

void GoHeapEstimate::look_at_sizes(double time_s) {
    std::map<GoSize, Amount> alive;
    for (const GoSizeClass& each : census_.classes) {
        alive[each.size] = {each.alive.count, each.alive.bytes};
        sizes_.try_emplace(each.size, Size{.least_bytes = is_first_look_ ? each.alive.bytes : 0, .growth = {}});
    }
    is_first_look_ = false;
    for (auto& [size, known] : sizes_) {
        known.least_bytes = std::min(known.least_bytes, alive[size].bytes);
        known.growth.add(time_s, alive[size]);
    }
}

void GoHeapEstimate::look(const GoCensus& census, const GoSampleSummary& samples, double time_s) {
    census_ = census;
    look_at_sizes(time_s);
    const auto by_size = sums(samples);
    for (const GoSampledStack& each : samples.stacks) estimate(each, fit_of(by_size.at(each.size)));
    for (auto& [key, row] : stacks_) note_growth(row, time_s);
    look_at_total(time_s);
    share_growth();
}

void GoHeapEstimate::look_at_total(double time_s) {
    total_.held = {census_.alive.count, census_.alive.bytes};
    if (census_.allocations) {
        const GoObjects freed = census_.allocations->freed();
        total_.released = {freed.count, freed.bytes};
    }
    total_.acquired = total_.held;
    add(total_.acquired, total_.released);
    note_growth(total_, time_s);
    Amount held;
    Amount acquired;
    for (const auto& [key, row] : stacks_) {
        add(held, row.held);
        add(acquired, row.acquired);
    }
    rest_.held = above(total_.held, held);
    rest_.acquired = above(total_.acquired, acquired);
    rest_.acquired = {std::max(rest_.acquired.count, rest_.held.count),
                      std::max(rest_.acquired.bytes, rest_.held.bytes)};
    rest_.released = above(rest_.acquired, rest_.held);
    note_growth(rest_, time_s);
}

// What a stack has allocated since the attach grows from nothing, also where as much of what was there before dies. So of each size
// the stacks share the growth that the census counts, as far as they have grown.
void GoHeapEstimate::share_growth() {
    std::map<GoSize, double> risen;
    for (const auto& [key, row] : stacks_) {
        const auto rate = row.growth.per_minute();
        if (rate && rate->bytes > 0) risen[key.second] += rate->bytes;
    }
    double shared = 0;
    for (auto& [key, row] : stacks_) {
        const auto rate = row.growth.per_minute();
        row.growth_part = 1;
        if (!rate || rate->bytes <= 0) continue;
        const auto real = growth_of_size(key.second);
        row.growth_part = real ? std::clamp(real->bytes / risen[key.second], 0.0, 1.0) : 1;
        shared += rate->bytes * row.growth_part;
    }
    // Where sampling paused, the rest grows by what the stacks lose: no more than the whole heap does.
    const auto rest = rest_.growth.per_minute();
    const auto total = total_.growth.per_minute();
    const bool is_bounded = rest && total && rest->bytes > 0;
    rest_.growth_part = is_bounded ? std::clamp((total->bytes - shared) / rest->bytes, 0.0, 1.0) : 1;
}

std::optional<Rate> GoHeapEstimate::growth_of_size(const GoSize& size) const {
    const auto found = sizes_.find(size);
    return found == sizes_.end() ? std::nullopt : found->second.growth.per_minute();
}

}  // namespace whoholds
