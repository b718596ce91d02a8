#include "analyze/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "analyze/js_heap_growth.h"
#include "analyze/thinning.h"

namespace whoholds {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double old_of(const ProcessReport& process, const StackReport& stack, double time_s) {
    double sum = 0;
    const size_t slices = std::min(stack.held_by_slice.size(), process.slice_ends_s.size());
    for (size_t i = 0; i < slices && process.slice_ends_s[i] + History::kOldS <= time_s; i++)
        sum += static_cast<double>(stack.held_by_slice[i]);
    return sum;
}

// Up to so many looks; what was acquired stays.
void hold_nothing(StackHistory& stack, size_t looks) {
    const double acquired = stack.looks.empty() ? 0 : stack.looks.back().acquired;
    stack.looks.resize(looks, {.acquired = acquired});
}

bool ends_at(const std::vector<double>& ends_s, double end_s) {
    return std::ranges::any_of(ends_s, [&](double one) { return std::fabs(one - end_s) < 1e-6; });
}

}  // namespace

void History::look(const ProcessReport& process, double time_s) {
    if (!times_s_.empty() && time_s <= times_s_.back()) return;
    if (times_s_.size() == kMostLooks) thin_out();
    times_s_.push_back(time_s);
    look_number_++;
    note_metrics(process);
    join_slices(process);
    seen_by_collection_s_ = has_collection(process) && times_s_.size() > 1 ? times_s_[times_s_.size() - 2] : 0;
    if (has_census(process)) seen_by_collection_s_ = std::min(seen_by_collection_s_, process.js_census_s);
    for (const StackReport& stack : process.stacks) note_stack(process, stack, time_s);
    if (process.types) types_.look(*process.types, time_s);
    // What is not in a report of all stacks holds nothing any more, or so little that it was cut off.
    for (auto& [key, stack] : stacks_) {
        if (stack.seen_at == look_number_) continue;
        hold_nothing(stack, times_s_.size() - stack.first);
    }
}

void History::note(const std::string& name, double value) {
    std::vector<double>& values = metrics_[name];
    values.resize(times_s_.size() - 1, kUnknown);
    values.push_back(value);
}

void History::note_metrics(const ProcessReport& process) {
    const MemoryUse& memory = process.memory;
    if (memory.virtual_bytes != 0 && !process.exited) {
        note("rss_bytes", static_cast<double>(memory.rss_bytes));
        note("anon_bytes", static_cast<double>(memory.anon_bytes));
        note("file_bytes", static_cast<double>(memory.file_bytes));
        note("shmem_bytes", static_cast<double>(memory.shmem_bytes));
        note("swap_bytes", static_cast<double>(memory.swap_bytes));
        note("virtual_bytes", static_cast<double>(memory.virtual_bytes));
        if (memory.pss_bytes) note("pss_bytes", static_cast<double>(*memory.pss_bytes));
    }
    for (const KindReport& kind : process.kinds) {
        note(kind.kind + ".count", static_cast<double>(kind.held.count));
        if (kind.held.bytes != 0 || kind.acquired.bytes != 0) {
            note(kind.kind + ".bytes", static_cast<double>(kind.held.bytes));
            note(kind.kind + ".acquired_bytes", static_cast<double>(kind.acquired.bytes));
        }
        note(kind.kind + ".acquired", static_cast<double>(kind.acquired.count));
        if (!kind.before_attach) note(kind.kind + ".released_unknown", static_cast<double>(kind.released_unknown));
    }
    std::map<std::string, double> states;
    for (const ConnectionGroup& group : process.connections)
        for (const auto& [state, count] : group.states) states[state] += static_cast<double>(count);
    for (const auto& [state, count] : states) note("connections." + state, count);
    if (process.js_censuses > 0) note(kJsCensuses, static_cast<double>(process.js_censuses));
    if (process.go) {
        note("go.collections", process.go->facts.gc_count);
        note("go.heap_in_use_bytes", static_cast<double>(process.go->facts.heap_in_use_bytes));
    }
    for (auto& [name, values] : metrics_) values.resize(times_s_.size(), kUnknown);
}

// Since the look before.
bool History::has_census(const ProcessReport& process) const {
    const auto censuses = metric(kJsCensuses);
    return process.js_censuses > (censuses.size() < 2 ? 0 : static_cast<uint64_t>(censuses[censuses.size() - 2].value));
}

// Of V8: what is held of its heap changes at full collections and censuses alone.
bool History::has_collection(const ProcessReport& process) const {
    if (has_census(process)) return true;
    return std::ranges::any_of(process.stacks, [this](const StackReport& report) {
        if (report.kind != kJsHeapKind || report.before_attach) return false;
        const StackHistory* past = stack(report);
        const double then = past == nullptr || past->looks.empty() ? 0 : past->looks.back().count;
        return then != static_cast<double>(report.held.count);
    });
}

void History::note_stack(const ProcessReport& process, const StackReport& stack, double time_s) {
    auto [found, is_new] = stacks_.try_emplace(Key{stack.kind, stack.id});
    StackHistory& history = found->second;
    if (is_new) history.first = times_s_.size() - 1;
    const size_t index = times_s_.size() - 1 - history.first;
    // There may be two rows of one stack: before the attach, and since.
    const bool is_second = history.looks.size() > index;
    if (!is_second) {
        hold_nothing(history, index);
        history.looks.emplace_back();
    }
    StackHistory::Look& look = history.looks[index];
    look.count += static_cast<float>(stack.held.count);
    look.bytes += static_cast<double>(stack.held.bytes);
    look.acquired += static_cast<double>(stack.acquired.count);
    if (is_second) return;
    look.old = static_cast<float>(old_of(process, stack, time_s));
    history.seen_at = look_number_;
    const size_t slices = std::min(stack.held_by_slice.size(), process.slice_ends_s.size());
    const bool is_given_back = is_given_back_by_v8(process, stack);
    if (is_given_back && !std::exchange(history.is_given_back_by_v8, true)) history.left_when_old.clear();
    const double old_until_s = is_given_back ? seen_by_collection_s_ : time_s - kOldS;
    for (size_t i = history.left_when_old.size(); i < slices && process.slice_ends_s[i] <= old_until_s; i++)
        history.left_when_old.push_back(static_cast<double>(stack.held_by_slice[i]));
}

// Slices become wider by joining neighbours; what is kept of them follows.
void History::join_slices(const ProcessReport& process) {
    const std::vector<double>& ends_s = process.slice_ends_s;
    const bool is_joined = std::ranges::any_of(slice_ends_s_, [&](double end_s) {
        return !ends_s.empty() && end_s < ends_s.back() && !ends_at(ends_s, end_s);
    });
    if (is_joined) {
        for (auto& [key, stack] : stacks_) {
            std::vector<double> joined;
            double sum = 0;
            for (size_t i = 0; i < stack.left_when_old.size(); i++) {
                sum += stack.left_when_old[i];
                if (!ends_at(ends_s, slice_ends_s_[i])) continue;
                joined.push_back(sum);
                sum = 0;
            }
            stack.left_when_old = std::move(joined);  // one half of a pair is forgotten, and noted again as a whole
        }
    }
    slice_ends_s_ = ends_s;
}

void History::thin_out() {
    keep_every_second(times_s_, 0);
    for (auto& [name, values] : metrics_) keep_every_second(values, 0);
    for (auto& [key, stack] : stacks_) {
        keep_every_second(stack.looks, stack.first);
        stack.first /= 2;
    }
    absl::erase_if(stacks_, [](const auto& one) {
        return std::ranges::all_of(one.second.looks, [](const StackHistory::Look& look) { return look.count == 0; });
    });
}

std::vector<Sample> History::metric(const std::string& name) const {
    std::vector<Sample> samples;
    const auto found = metrics_.find(name);
    if (found == metrics_.end()) return samples;
    for (size_t i = 0; i < found->second.size(); i++)
        if (!std::isnan(found->second[i])) samples.push_back({times_s_[i], found->second[i]});
    return samples;
}

const StackHistory* History::stack(const StackReport& stack) const {
    const auto found = stacks_.find(Key{stack.kind, stack.id});
    return found == stacks_.end() ? nullptr : &found->second;
}

namespace {

std::vector<Sample> samples_of(const std::vector<double>& times_s, const StackHistory& stack, auto of_look) {
    std::vector<Sample> samples;
    samples.reserve(times_s.size());
    for (size_t i = 0; i < times_s.size(); i++) {
        const bool is_known = i >= stack.first && i - stack.first < stack.looks.size();
        samples.push_back({times_s[i], is_known ? static_cast<double>(stack.looks[i - stack.first].*of_look) : 0.0});
    }
    return samples;
}

}  // namespace

std::vector<Sample> History::counts(const StackHistory& stack) const {
    return samples_of(times_s_, stack, &StackHistory::Look::count);
}

std::vector<Sample> History::bytes(const StackHistory& stack) const {
    return samples_of(times_s_, stack, &StackHistory::Look::bytes);
}

std::vector<Sample> History::old(const StackHistory& stack) const {
    return samples_of(times_s_, stack, &StackHistory::Look::old);
}

std::vector<Sample> History::stays(const StackHistory& stack) const {
    const std::vector<Sample> acquired = samples_of(times_s_, stack, &StackHistory::Look::acquired);
    const std::vector<Sample> held = counts(stack);
    std::vector<Sample> stays;
    for (size_t i = 1; i < acquired.size() && i < stack.first + stack.looks.size(); i++) {
        const double per_s =
            (acquired[i].value - acquired[i - 1].value) / (acquired[i].time_s - acquired[i - 1].time_s);
        if (per_s > 0) stays.push_back({held[i].time_s, held[i].value / per_s});
    }
    return stays;
}

std::vector<Sample> History::sizes(const StackHistory& stack) const {
    std::vector<Sample> sizes;
    for (size_t i = stack.first; i < times_s_.size() && i - stack.first < stack.looks.size(); i++) {
        const StackHistory::Look& look = stack.looks[i - stack.first];
        if (look.count > 0) sizes.push_back({times_s_[i], look.bytes / look.count});
    }
    return sizes;
}

std::vector<MetricSeries> History::all_metrics() const {
    std::vector<MetricSeries> all;
    for (const auto& [name, values] : metrics_) {
        MetricSeries series{.name = name, .times_s = {}, .values = {}};
        for (const Sample& sample : metric(name)) {
            series.times_s.push_back(sample.time_s);
            series.values.push_back(sample.value);
        }
        all.push_back(std::move(series));
    }
    return all;
}

}  // namespace whoholds
