#include "analyze/go_heap_estimate.h"

#include <algorithm>
#include <cmath>

namespace whoholds {
namespace {

uint64_t rounded(double value) {
    constexpr double kMost = 9e18;
    return value > 0 ? static_cast<uint64_t>(std::llround(std::min(value, kMost))) : 0;
}

Amount scaled(uint64_t count, uint64_t bytes, double scale) {
    return {rounded(static_cast<double>(count) * scale), rounded(static_cast<double>(bytes) * scale)};
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
        sums[each.size].seen_bytes += each.seen_bytes;
        sums[each.size].held_bytes += each.alive_bytes;
    }
    for (const GoSizeClass& each : census_.classes) sums[each.size].alive_bytes = each.alive.bytes;
    return sums;
}

// How many bytes a sampled byte stands for.
double GoHeapEstimate::scale_of(const GoSize& size, const std::map<GoSize, Sum>& sums) const {
    const auto* now = census_.allocations ? census_.allocations->find(size.small_bytes) : nullptr;
    const auto* before = baseline_ ? baseline_->find(size.small_bytes) : nullptr;
    const GoSize other{size.small_bytes, !size.has_pointers};
    const auto seen_of = [&](const GoSize& one) {
        const auto found = sums.find(one);
        return found == sums.end() ? 0.0 : static_cast<double>(found->second.seen_bytes);
    };
    const auto since_of = [&](const GoSize& one) {
        const auto found = sizes_.find(one);
        return found == sizes_.end() ? 0.0 : found->second.since_bytes;
    };
    if (!now || !before || seen_of(size) <= 0) return 1;
    // Each large object is sampled, so both sorts alike.
    const bool is_divided = size.small_bytes != 0 && since_of(size) > 0;
    const double part = is_divided ? since_of(size) / (since_of(size) + since_of(other))
                                   : seen_of(size) / (seen_of(size) + seen_of(other));
    const auto allocated = static_cast<double>(above(now->allocated.bytes, before->allocated.bytes));
    return std::max(1.0, allocated * part / seen_of(size));
}

// fit: see fit_of().
void GoHeapEstimate::estimate(const GoSampledStack& sampled, double scale, double fit) {
    GoEstimate& row = stacks_[{sampled.stack, sampled.size}];
    row.held = scaled(sampled.alive, sampled.alive_bytes, scale * fit);
    row.acquired =
        scaled(above(sampled.seen, sampled.waiting), above(sampled.seen_bytes, sampled.waiting_bytes), scale);
    row.acquired = {std::max(row.acquired.count, row.held.count), std::max(row.acquired.bytes, row.held.bytes)};
    row.released = above(row.acquired, row.held);
    row.samples = sampled.kept_alive;
    row.oldest_ns = sampled.oldest_ns;
    row.median_ns = sampled.median_ns;
}

void GoHeapEstimate::begin_sampling(const GoAllocations& allocations) {
    baseline_ = allocations;
    for (const GoSizeClass& each : census_.classes)
        sizes_[each.size].before_bytes = each.alive.bytes + each.since.bytes;
}

double GoHeapEstimate::fit_of(const GoSize& size, const Sum& sum, double scale) const {
    const double estimated = static_cast<double>(sum.held_bytes) * scale;
    if (estimated <= 0) return 1;
    const auto known = sizes_.find(size);
    const uint64_t before = known == sizes_.end() ? 0 : known->second.before_bytes;
    const auto most = static_cast<double>(sum.alive_bytes);
    const auto least = static_cast<double>(above(sum.alive_bytes, before));
    return std::clamp(estimated, least, most) / estimated;
}

void GoHeapEstimate::look(const GoCensus& census, const GoSampleSummary& samples, double time_s) {
    census_ = census;
    for (const GoSizeClass& each : census.classes)
        sizes_[each.size].since_bytes += static_cast<double>(each.since.bytes);
    const auto by_size = sums(samples);
    for (const GoSampledStack& each : samples.stacks) {
        const Sum& sum = by_size.at(each.size);
        const double scale = scale_of(each.size, by_size);
        estimate(each, scale, fit_of(each.size, sum, scale));
    }
    for (auto& [key, row] : stacks_) note_growth(row, time_s);
    std::map<GoSize, Amount> alive;
    for (const GoSizeClass& each : census.classes) alive[each.size] = {each.alive.count, each.alive.bytes};
    for (auto& [size, known] : sizes_) known.growth.add(time_s, alive[size]);
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
    for (auto& [key, row] : stacks_) {
        const auto rate = row.growth.per_minute();
        row.growth_part = 1;
        if (!rate || rate->bytes <= 0) continue;
        const auto real = growth_of_size(key.second);
        row.growth_part = real ? std::clamp(real->bytes / risen[key.second], 0.0, 1.0) : 1;
    }
}

std::optional<Rate> GoHeapEstimate::growth_of_size(const GoSize& size) const {
    const auto found = sizes_.find(size);
    return found == sizes_.end() ? std::nullopt : found->second.growth.per_minute();
}

}  // namespace whoholds
