#include "analyze/js_heap_growth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "analyze/headline.h"
#include "analyze/js_paths.h"
#include "analyze/survival.h"
#include "base/human.h"

namespace whoholds {
namespace {

constexpr double kEnoughPerSlice = 5;  // of samples: with fewer, one slice in twenty has none by chance

bool is_js_heap(const StackReport& stack) { return stack.kind == kJsHeapKind; }

// Outside of V8's heap, but freed when the collector finds that nothing in there uses it.
bool is_array_buffer(const StackReport& stack) {
    if (stack.kind != "heap") return false;
    return std::ranges::any_of(stack.frames, [](const Frame& frame) {
        return frame.function.starts_with("v8::internal::BackingStore::") ||
               frame.function.starts_with("v8::internal::JSArrayBuffer::") ||
               frame.function.starts_with("v8::ArrayBuffer::");
    });
}

// What full collections have looked at.
struct Looks {
    double attached_at_s = 0;
    double last_collection_s = 0;
    size_t collections = 0;    // looks between which there was one
    size_t judged_slices = 0;  // that had ended by the last collection
};

size_t slices_with_anything(const StackReport& stack) {
    const auto& held = stack.held_by_slice;
    const auto last = std::find_if(held.rbegin(), held.rend(), [](uint64_t one) { return one > 0; });
    return static_cast<size_t>(held.rend() - last);
}

// What is held of V8's heap changes at full collections and censuses alone. When the last one was is known to lie between two looks, and behind the
// beginning of the last slice of which it found anything alive.
Looks looks_at(const ProcessReport& process, const History& history, double time_s) {
    Looks looks;
    if (process.attached_s > 0) looks.attached_at_s = time_s - process.attached_s;
    const std::vector<double>& times_s = history.times_s();
    std::vector<bool> is_collection(times_s.size());
    for (const StackReport& stack : process.stacks) {
        if (!is_js_heap(stack)) continue;
        looks.judged_slices = std::max(looks.judged_slices, slices_with_anything(stack));
        const StackHistory* past = history.stack(stack);
        if (past == nullptr) continue;
        const auto counts = history.counts(*past);
        for (size_t i = 0; i < counts.size(); i++)
            if (counts[i].value != (i > 0 ? counts[i - 1].value : 0)) is_collection[i] = true;
    }
    if (looks.judged_slices > 0) looks.judged_slices--;
    double censuses = 0;
    double last_census_s = -1;
    for (const Sample& one : history.metric(kJsCensuses)) {
        const auto at = std::ranges::lower_bound(times_s, one.time_s) - times_s.begin();
        if (one.value <= std::exchange(censuses, one.value)) continue;
        is_collection[static_cast<size_t>(at)] = true;
        last_census_s = one.time_s;
    }
    double certain_s = 0;
    for (size_t i = 0; i < times_s.size(); i++) {
        if (!is_collection[i]) continue;
        looks.collections++;
        looks.last_collection_s = times_s[i];
        certain_s = i > 0 ? times_s[i - 1] : 0;
    }
    if (looks.last_collection_s == last_census_s) certain_s = std::min(certain_s, process.js_census_s);
    const auto& ends_s = process.slice_ends_s;
    const auto ended = std::ranges::upper_bound(ends_s, certain_s) - ends_s.begin();
    looks.judged_slices = std::min(std::max(looks.judged_slices, static_cast<size_t>(ended)), ends_s.size());
    return looks;
}

// What came after the last full collection is not known.
bool is_recent(const Looks& looks, double time_s) {
    constexpr double kLate = 0.6;
    return looks.collections > 0 &&
           looks.last_collection_s - looks.attached_at_s >= kLate * (time_s - looks.attached_at_s);
}

// All that is known of a place, its rows added up.
struct PlaceNumbers {
    std::vector<double> bytes;  // by look
    OldSlices slices;
    double count = 0;   // held now
    double judged = 0;  // of these
};

void add(std::vector<double>& to, const std::vector<double>& what, double share) {
    to.resize(std::max(to.size(), what.size()));
    for (size_t i = 0; i < what.size(); i++) to[i] += share * what[i];
}

PlaceNumbers numbers_of(const JsPlace& place, const ProcessReport& process, const History& history,
                        const SliceRange& range) {
    PlaceNumbers numbers;
    size_t known_left = range.most;
    for (const auto& [stack, share] : place.rows) {
        const StackHistory* past = history.stack(*stack);
        if (past == nullptr) continue;
        std::vector<double> bytes;
        for (const Sample& one : history.bytes(*past)) bytes.push_back(one.value);
        OldSlices slices = slices_in(range, process, *stack, *past);
        // A row that is new lost nothing of slices before it.
        while (slices.left.size() < slices.held.size() && slices.held[slices.left.size()] == 0)
            slices.left.push_back(0);
        add(numbers.bytes, bytes, share);
        add(numbers.slices.held, slices.held, share);
        add(numbers.slices.left, slices.left, share);
        known_left = std::min(known_left, slices.left.size());
        numbers.count += share * static_cast<double>(stack->held.count);
    }
    numbers.judged = std::accumulate(numbers.slices.held.begin(), numbers.slices.held.end(), 0.0);
    numbers.slices.left.resize(std::min(numbers.slices.left.size(), known_left));
    return numbers;
}

// It rose at so many collections, and hardly ever fell.
bool rises(const std::vector<double>& bytes, size_t fewest_steps) {
    constexpr double kMostFalls = 0.1;
    size_t steps = 0;
    double up = 0;
    double down = 0;
    for (size_t i = 0; i < bytes.size(); i++) {
        const double step = bytes[i] - (i > 0 ? bytes[i - 1] : 0);
        (step > 0 ? up : down) += std::abs(step);
        if (step > 0) steps++;
    }
    return steps >= fewest_steps && down <= kMostFalls * up;
}

// What is left of all ages grew by as much as it is in the time in which it was acquired. Samples have the error of what is counted.
Trend trend_of(const PlaceNumbers& numbers, double from_s, double until_s, double span_s, double bytes_each) {
    const double bytes = numbers.judged * bytes_each;
    const double error = 1.96 / std::sqrt(std::max(numbers.judged, 1.0));
    Trend trend;
    trend.per_s = bytes / std::max(until_s - from_s, 1.0);
    trend.low_per_s = trend.per_s * std::max(1 - error, 0.0);
    trend.high_per_s = trend.per_s * (1 + error);
    trend.span_s = span_s;
    trend.rise = trend.per_s * span_s;
    trend.level = bytes / 2;
    return trend;
}

// The row that names the place: the largest that has a line.
const StackReport* named_row(const JsPlace& place, std::string_view exe) {
    const StackReport* named = nullptr;
    for (const auto& [stack, share] : place.rows)
        if (share == 1 && stack->frames[headline_frame(stack->frames, exe)].line > 0 &&
            (named == nullptr || stack->held.bytes > named->held.bytes))
            named = stack;
    return named != nullptr ? named : place.rows.front().stack;
}

// While new space has few pages, their first objects are no even sample: the same places of a program may begin them again and again. So
// what was acquired first may never have been seen. What was seen and is gone stays.
void leave_out_unseen(OldSlices& slices) {
    constexpr double kMost = 0.3;
    size_t unseen = 0;
    const auto is_empty = [&](const std::vector<double>& values) {
        return unseen >= values.size() || values[unseen] == 0;
    };
    while (unseen < slices.held.size() && is_empty(slices.held) && is_empty(slices.left)) unseen++;
    if (static_cast<double>(unseen) > kMost * static_cast<double>(slices.held.size())) return;
    const auto leave_out = [&](std::vector<double>& values) {
        values.erase(values.begin(), values.begin() + static_cast<ptrdiff_t>(std::min(unseen, values.size())));
    };
    leave_out(slices.held);
    leave_out(slices.left);
}

bool may_hide_any(const JsPath& path) { return std::ranges::any_of(path, &JsStep::may_hide); }

// Buffers are known as they come, garbage or not: where none do any more, nothing grows, whatever V8 has looked at. They may come by
// another row once code is optimized, and functions in it are hidden.
bool may_come_on(const JsPlace& place, const ProcessReport& process, const History& history, double time_s) {
    JsPlace with_hidden = place;
    for (const StackReport& stack : process.stacks) {
        const auto is_it = [&](const JsPlace::Row& row) { return row.stack == &stack; };
        if (is_array_buffer(stack) && std::ranges::none_of(place.rows, is_it) &&
            may_hide_any(js_path_of(stack, process.exe)))
            with_hidden.rows.push_back({&stack});
    }
    const SliceRange all{.most = process.slice_ends_s.size(), .end_s = time_s, .now_s = time_s};
    const auto survival = survival_of(numbers_of(with_hidden, process, history, all).slices, kEnoughPerSlice);
    return survival && survival->goes_on();
}

// Whether what a place allocates may be in this row once code is optimized: where functions may be hidden, or as its caller's, which it was
// inlined in.
bool may_stand_for(const StackReport& stack, const JsPlace& place, std::string_view exe) {
    const JsPath path = js_path_of(stack, exe);
    if (path.empty() || may_hide_any(path)) return true;
    return std::ranges::find(place.path, path.front().function, &JsStep::function) != place.path.end();
}

// What was sampled since is not judged yet, but it would be there: at the pace at which what is judged came. Samples become fewer, each for more,
// where very many are followed.
bool has_ended(const JsPlace& place, const PlaceNumbers& numbers, const Looks& looks, const ProcessReport& process,
               double time_s) {
    constexpr double kEnough = 8;  // by chance there is hardly ever one in five of these
    constexpr double kPart = 0.2;
    const double until_s = process.slice_ends_s[looks.judged_slices - 1];
    const double judged_bytes = numbers.judged * numbers.bytes.back() / numbers.count;
    const double bytes = judged_bytes / std::max(until_s - looks.attached_at_s, 1.0) * (time_s - until_s);
    const double expected = bytes / static_cast<double>(std::max<uint64_t>(process.js_sample_bytes, 1));
    auto seen = static_cast<double>(process.js_not_judged_elsewhere);
    for (const StackReport& stack : process.stacks) {
        if (!is_js_heap(stack)) continue;
        if (!stack.not_judged) return false;
        if (may_stand_for(stack, place, process.exe)) seen += static_cast<double>(*stack.not_judged);
    }
    return expected >= kEnough && seen < kPart * expected;
}

std::optional<GrowingStack> judge(const JsPlace& place, const Looks& looks, const ProcessReport& process,
                                  const History& history, double time_s) {
    constexpr double kFewestSamples = 12;
    constexpr double kFewestOfOneCollection = 24;
    constexpr double kNearlyAll = 0.85;  // of the slices of time: a full cache lacks the first ones
    constexpr size_t kFewestLeft = 2;
    constexpr double kLeakS = 50;
    constexpr size_t kEnoughCollections = 3;
    PlaceNumbers numbers =
        numbers_of(place, process, history, {.most = looks.judged_slices, .end_s = time_s, .now_s = time_s});
    const bool is_of_one = looks.collections == 1;
    if (numbers.judged < (is_of_one ? kFewestOfOneCollection : kFewestSamples)) return std::nullopt;
    if (!is_of_one && numbers.slices.left.size() < kFewestLeft) return std::nullopt;
    const StackReport* named = named_row(place, process.exe);
    if (is_js_heap(*named) && !rises(numbers.bytes, is_of_one ? 1 : 2)) return std::nullopt;
    leave_out_unseen(numbers.slices);
    const auto survival = survival_of(numbers.slices, kEnoughPerSlice);
    if (!survival || !survival->is_even() || survival->occupied < kNearlyAll || !survival->is_kept())
        return std::nullopt;
    if (!is_js_heap(*named) && !may_come_on(place, process, history, time_s)) return std::nullopt;
    if (is_js_heap(*named) && has_ended(place, numbers, looks, process, time_s)) return std::nullopt;
    GrowingStack growing{.stack = named};
    const double until_s = process.slice_ends_s[looks.judged_slices - 1];
    growing.bytes =
        trend_of(numbers, looks.attached_at_s, until_s, history.span_s(), numbers.bytes.back() / numbers.count);
    growing.survival = survival;
    for (const auto& [stack, share] : place.rows)
        if (share == 1 && stack != named) growing.also.push_back(stack);
    if (history.span_s() >= kLeakS && looks.collections >= kEnoughCollections) growing.evidence = Evidence::kLeaks;
    return growing;
}

bool same_function(const Frame& a, const Frame& b) { return a.function == b.function && a.file == b.file; }

// Whether the frame to look at in `row` is the function that is the frame `caller` in `made`, called as there.
bool is_of_caller(const StackReport& row, const StackReport& made, size_t caller, std::string_view exe) {
    const std::span<const Frame> of_made(made.frames);
    const std::span<const Frame> of_row(row.frames);
    return std::ranges::equal(of_row.subspan(headline_frame(row.frames, exe)), of_made.subspan(caller), same_function);
}

// Of the rows, what most is known of. A function that is made again and again, each time for something else, keeps what leaks; a single one that
// all of it is reached by has the list, or the cache, that something is put into elsewhere.
const KeeperReport* keeper_of(const GrowingStack& growing) {
    constexpr uint64_t kFewest = 3;
    constexpr uint64_t kMostOfEach = 8;
    const KeeperReport* most = nullptr;
    std::vector<const StackReport*> rows = growing.also;
    rows.push_back(growing.stack);
    for (const StackReport* row : rows) {
        if (!row->kept_at || row->kept_at->functions < kFewest) continue;
        if (row->kept_at->count > kMostOfEach * row->kept_at->functions) continue;
        if (2 * row->kept_at->count < row->kept_at->looked_at) continue;
        if (most == nullptr || row->kept_at->count > most->count) most = &*row->kept_at;
    }
    return most;
}

bool is_kept_by_caller(const ProcessReport& process, GrowingStack& growing) {
    const KeeperReport* keeper = keeper_of(growing);
    if (keeper == nullptr) return false;
    const std::vector<Frame>& frames = growing.stack->frames;
    for (size_t i = growing.headline + 1; i < frames.size(); i++) {
        if (!same_function(frames[i], keeper->line)) continue;
        if (!is_user_code(frames[i], process.exe)) return false;
        growing.made_at = &frames[growing.headline];
        growing.kept_at = keeper;
        growing.headline = i;
        return true;
    }
    return false;
}

double survivors(const StackReport& stack) {
    return static_cast<double>(stack.held.count) / static_cast<double>(std::max<uint64_t>(stack.acquired.count, 1));
}

}  // namespace

bool tells_js_heap(const ProcessReport& process) {
    return process.js_censuses > 0 ||
           std::ranges::any_of(process.kinds, [](const KindReport& kind) { return kind.kind == kJsHeapKind; });
}

bool is_given_back_by_v8(const ProcessReport& process, const StackReport& stack) {
    return is_js_heap(stack) || (is_array_buffer(stack) && tells_js_heap(process));
}

bool may_be_same_path(const StackReport& a, const StackReport& b, std::string_view exe) {
    const JsPath of_a = js_path_of(a, exe);
    const JsPath of_b = js_path_of(b, exe);
    return may_be_path(of_a, of_b) || may_be_path(of_b, of_a);
}

// One sample found alive by a full collection is enough to see that a line leaves something behind: what is needed for the moment
// hardly ever is in use just then.
void look_at_what_keeps(const ProcessReport& process, GrowingStack& growing) {
    const StackReport& made = *growing.stack;
    if (is_js_heap(made) && is_kept_by_caller(process, growing)) return;
    if (!is_js_heap(made) || growing.headline + 1 >= made.frames.size()) return;
    const size_t caller = growing.headline + 1;
    if (!is_user_code(made.frames[caller], process.exe) || made.frames[caller].line == 0 ||
        same_function(made.frames[caller], made.frames[growing.headline]))
        return;
    constexpr uint64_t kFewest = 2;
    constexpr double kNearlyAll = 0.9;
    constexpr double kPart = 0.5;
    const StackReport* keeps = nullptr;
    for (const StackReport& row : process.stacks) {
        if (!is_js_heap(row) || row.before_attach || row.frames.empty() || row.held.count == 0) continue;
        if (!is_of_caller(row, made, caller, process.exe)) continue;
        const int line = row.frames[headline_frame(row.frames, process.exe)].line;
        const bool is_later = line > made.frames[caller].line && survivors(row) >= survivors(made);
        if (is_later && (keeps == nullptr || row.held.count > keeps->held.count)) keeps = &row;
        if (line == 0 && row.held.count >= kFewest && survivors(row) >= kNearlyAll && survivors(made) < kPart)
            growing.keeper = &made.frames[caller];
    }
    if (keeps == nullptr) return;
    growing.keeper = nullptr;
    std::erase(growing.also, keeps);
    growing.also.push_back(&made);
    growing.made_at = &made.frames[growing.headline];
    growing.stack = keeps;
    growing.headline = headline_frame(keeps->frames, process.exe);
}

std::string why_js_is_not_judged(const ProcessReport& process, const History& history, double time_s) {
    if (!tells_js_heap(process)) return {};
    const Looks looks = looks_at(process, history, time_s);
    const auto memory = fit_trend(history.metric("anon_bytes"));
    constexpr double kSure = 2.5;
    if (is_recent(looks, time_s) || !memory || memory->score < kSure) return {};
    const std::string how_long =
        looks.collections == 0 ? "since the attach" : "for " + human_age(time_s - looks.last_collection_s);
    return fmt::format(
        "memory grows, but no full collection of V8, nor a census, has told anything new {}: whether the objects and "
        "buffers of JavaScript that came since are still in use, only the next one tells",
        how_long);
}

std::vector<GrowingStack> growing_js_places(const ProcessReport& process, const History& history, double time_s) {
    const Looks looks = looks_at(process, history, time_s);
    if (!is_recent(looks, time_s) || looks.judged_slices == 0) return {};
    std::vector<const StackReport*> on_heap;
    std::vector<const StackReport*> buffers;
    for (const StackReport& stack : process.stacks) {
        if (stack.before_attach || stack.frames.empty() || stack.held.count == 0) continue;
        if (is_js_heap(stack)) on_heap.push_back(&stack);
        if (is_array_buffer(stack)) buffers.push_back(&stack);
    }
    std::vector<GrowingStack> growing;
    for (const auto& rows : {on_heap, buffers})
        for (const JsPlace& place : js_places_of(rows, process.exe))
            if (auto one = judge(place, looks, process, history, time_s)) growing.push_back(*std::move(one));
    return growing;
}

}  // namespace whoholds
