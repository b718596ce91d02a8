#include "runtime/go/samples.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMostRows = 65'536;  // of stack and size; what comes later counts under no stack
constexpr size_t kMostUnweighed = 1 << 20;
constexpr unsigned kSurely = 2;       // so many collections
constexpr uint32_t kACollection = 2;  // that much mheap_.sweepgen grows by

// Not one after the other, so that what comes in a rhythm is left out as evenly as anything else.
uint64_t scatter(uint64_t number) {
    number *= 0x9e3779b97f4a7c15;
    return number ^ number >> 32;
}

bool comes_after(uint32_t generation, uint32_t earlier) { return static_cast<int32_t>(generation - earlier) > 0; }

}  // namespace

GoSampleBook::Key GoSampleBook::key_of(const Kept& kept) {
    return {kept.stack, {kept.is_large ? 0 : kept.bytes, kept.has_pointers != 0}};
}

bool GoSampleBook::is_kept(uint64_t number) const { return (scatter(number) & ((uint64_t{1} << thinned_) - 1)) == 0; }

double GoSampleBook::weight_of(const Kept& kept) const {
    return std::ldexp(static_cast<double>(kept.weight), static_cast<int>(thinned_));
}

double GoSampleBook::alive_weight_of(const Kept& kept) const {
    constexpr uint64_t kSpanBytes = 8192;
    const double weight = weight_of(kept);
    if (kept.survived >= kSurely || kept.is_large != 0) return weight;
    const double of_its_span =
        std::ldexp(static_cast<double>(std::max<uint64_t>(kSpanBytes / kept.bytes, 1)), static_cast<int>(thinned_));
    return std::min(weight, of_its_span);
}

bool GoSampleBook::has_row(const Key& key) const { return seen_.size() < kMostRows || seen_.contains(key); }

void GoSampleBook::add(const GoSample& sample) {
    if (sample.bytes == 0) return;
    Key key{sample.stack, {sample.is_large ? 0 : sample.bytes, sample.has_pointers}};
    if (!has_row(key)) key.first = 0;
    seen_.try_emplace(key);
    if (unweighed_.size() < kMostUnweighed) unweighed_.push_back({sample.object, sample.bytes, sample.time_ns, key});
    const uint64_t number = taken_++;
    samples_.erase(sample.object);  // whatever was there is gone
    if (!is_kept(number)) return;
    if (settled_ && comes_after(*settled_, sample.generation)) settled_.reset();
    if (samples_.size() >= most_samples_) make_room();
    samples_[sample.object] = {.span = sample.span,
                               .bytes = sample.bytes,
                               .time_ns = sample.time_ns,
                               .generation = sample.generation,
                               .stack = key.first,
                               .weight = 0,
                               .number = number,
                               .is_large = sample.is_large,
                               .has_pointers = sample.has_pointers,
                               .survived = 0,
                               .in_doubt = 0};
}

void GoSampleBook::make_room() {
    constexpr unsigned kMostThinned = 40;
    if (thinned_ >= kMostThinned) return samples_.clear();
    ++thinned_;
    absl::erase_if(samples_, [this](const auto& one) { return !is_kept(one.second.number); });
}

std::vector<GoSample> GoSampleBook::due(uint32_t generation) const {
    std::vector<GoSample> due;
    for (const auto& [object, kept] : samples_) {
        if (comes_after(generation, kept.generation))
            due.push_back({.span = kept.span,
                           .object = object,
                           .bytes = kept.bytes,
                           .is_large = kept.is_large != 0,
                           .has_pointers = kept.has_pointers != 0,
                           .generation = kept.generation,
                           .stack = kept.stack,
                           .time_ns = kept.time_ns});
    }
    return due;
}

GoUnweighed GoSampleBook::unweighed(uint64_t until_ns) const {
    GoUnweighed sizes;
    for (const Waiting& one : unweighed_) {
        if (one.time_ns > until_ns) continue;
        GoUnweighedSize& size = sizes[one.key.second];
        size.bytes += static_cast<double>(one.bytes);
        size.oldest_ns = size.count == 0 ? one.time_ns : std::min(size.oldest_ns, one.time_ns);
        ++size.count;
    }
    return sizes;
}

void GoSampleBook::weigh(uint64_t until_ns, const GoSampleBytes& weights) {
    std::erase_if(unweighed_, [&](const Waiting& one) {
        const auto weight = weights.find(one.key.second);
        if (one.time_ns > until_ns || weight == weights.end()) return false;
        seen_[one.key].add(weight->second, one.bytes);
        const auto kept = samples_.find(one.object);
        if (kept != samples_.end() && kept->second.time_ns == one.time_ns)
            kept->second.weight = static_cast<float>(weight->second);
        return true;
    });
}

// As if it had never been taken.
void GoSampleBook::forget_ever_seen(const Kept& kept) {
    GoWeight& seen = seen_[key_of(kept)];
    seen.add(-weight_of(kept), kept.bytes);
    seen = {std::max(seen.count, 0.0), std::max(seen.bytes, 0.0)};
}

void GoSampleBook::judge_one(uint32_t generation, uint64_t object, Kept& kept, GoVerdict verdict) {
    if (verdict == GoVerdict::kDead) {
        samples_.erase(object);
        return;
    }
    const bool is_certain = kept.is_large != 0 && kept.time_ns > gap_ns_;
    const bool missed_one = !is_certain && generation - kept.generation > kACollection;
    if (missed_one && kept.survived == 0) {
        ++dropped_;
        forget_ever_seen(kept);
        samples_.erase(object);
        return;
    }
    kept.generation = generation;
    kept.survived = kept.survived == 0 ? 1 : kSurely;
    if (missed_one) kept.in_doubt = 1;
}

void GoSampleBook::judge(uint32_t generation, std::span<const GoSample> samples, std::span<const GoVerdict> verdicts) {
    bool all_judged = true;
    for (size_t i = 0; i < std::min(samples.size(), verdicts.size()); ++i) {
        const auto found = samples_.find(samples[i].object);
        if (found == samples_.end() || found->second.time_ns != samples[i].time_ns) continue;
        if (verdicts[i] == GoVerdict::kLater)
            all_judged = false;
        else if (comes_after(generation, found->second.generation))
            judge_one(generation, samples[i].object, found->second, verdicts[i]);
    }
    if (!all_judged || settled_ == generation) return;
    settled_ = generation;
    ++judged_;
    if (last_generation_ && comes_after(generation, *last_generation_))
        missed_ += (generation - *last_generation_) / kACollection - 1;
    last_generation_ = generation;
}

GoSampleSummary GoSampleBook::summarize() const {
    GoSampleSummary summary{.stacks = {},
                            .kept = samples_.size(),
                            .taken = taken_,
                            .each_for = uint64_t{1} << thinned_,
                            .dropped = dropped_,
                            .judged_collections = judged_,
                            .missed_collections = missed_};
    absl::flat_hash_map<Key, size_t> rows;
    for (const auto& [key, seen] : seen_) {
        rows[key] = summary.stacks.size();
        summary.stacks.push_back({.stack = key.first, .size = key.second, .seen = seen});
    }
    std::vector<std::vector<uint64_t>> times(summary.stacks.size());
    for (const auto& [object, kept] : samples_) {
        const auto row = rows.find(key_of(kept));
        if (row == rows.end()) continue;
        GoSampledStack& stack = summary.stacks[row->second];
        const double alive = kept.survived != 0 ? alive_weight_of(kept) : 0;
        stack.alive.add(alive, kept.bytes);
        stack.waiting.add(weight_of(kept) - alive, kept.bytes);
        if (kept.survived) times[row->second].push_back(kept.time_ns);
        stack.kept_alive += kept.survived != 0 ? 1 : 0;
        stack.in_doubt += kept.in_doubt;
        summary.in_doubt += kept.in_doubt;
    }
    for (size_t i = 0; i < times.size(); ++i) {
        if (times[i].empty()) continue;
        const auto middle = times[i].begin() + static_cast<ptrdiff_t>(times[i].size() / 2);
        std::ranges::nth_element(times[i], middle);
        summary.stacks[i].median_ns = *middle;
        summary.stacks[i].oldest_ns = *std::ranges::min_element(times[i]);
    }
    return summary;
}

}  // namespace whoholds
