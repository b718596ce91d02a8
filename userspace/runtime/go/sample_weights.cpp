#include "runtime/go/sample_weights.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr uint64_t kEnough = 16;
constexpr uint64_t kLongestWaitNs = 5'000'000'000;

double find(const GoSampleBytes& bytes, const GoSize& size) {
    const auto found = bytes.find(size);
    return found == bytes.end() ? 0.0 : found->second;
}

double find(const GoUnweighed& samples, const GoSize& size) {
    const auto found = samples.find(size);
    return found == samples.end() ? 0.0 : found->second.bytes;
}

}  // namespace

void GoSampleWeights::note(const GoCensus& census) {
    for (const GoSizeClass& each : census.classes) since_[each.size] += static_cast<double>(each.since.bytes);
}

void GoSampleWeights::divide(GoAllocations::Class& counted, uint64_t now_bytes, const GoUnweighed& samples) {
    const GoSize with{counted.element_bytes, true};
    const GoSize without{counted.element_bytes, false};
    // Each large object is sampled, so both sorts alike.
    const bool is_noted = counted.element_bytes != 0 && find(since_, with) + find(since_, without) > 0;
    const double part_with = is_noted ? find(since_, with) : find(samples, with);
    const double part_without = is_noted ? find(since_, without) : find(samples, without);
    if (part_with + part_without <= 0) return;  // the next time
    const auto allocated = static_cast<double>(now_bytes - std::min(now_bytes, counted.allocated.bytes));
    owed_[with] += allocated * part_with / (part_with + part_without);
    owed_[without] += allocated * part_without / (part_with + part_without);
    counted.allocated.bytes = now_bytes;
}

GoSampleBytes GoSampleWeights::weights(const GoAllocations& now, uint64_t now_ns, const GoUnweighed& samples) {
    if (counted_)
        for (GoAllocations::Class& counted : counted_->classes)
            if (const auto* found = now.find(counted.element_bytes)) divide(counted, found->allocated.bytes, samples);
    GoSampleBytes weights;
    for (const auto& [size, waiting] : samples) {
        if (waiting.bytes <= 0) continue;
        if (waiting.count < kEnough && now_ns < waiting.oldest_ns + kLongestWaitNs) continue;
        // The runtime counts a span's objects when it is full: what it owes now, it may have given before.
        double& owed = owed_[size];
        weights[size] = counted_ ? std::max(1.0, owed / waiting.bytes) : 1.0;
        owed -= weights[size] * waiting.bytes;
    }
    return weights;
}

}  // namespace whoholds
