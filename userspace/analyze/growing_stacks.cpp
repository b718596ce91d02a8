#include "analyze/growing_stacks.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "analyze/forecast.h"
#include "analyze/headline.h"
#include "analyze/js_heap_growth.h"

namespace whoholds {
namespace {

constexpr double kFewestMore = 3;  // units, and bytes, by which something must have grown
constexpr double kFewestBytesMore = 512;
constexpr double kLongEnoughS = 300;  // for what a collector takes care of
constexpr uint64_t kFewestSamples = 12;
constexpr double kLeakS = 50;  // what is still filled by then is said to grow

bool has_frames_of_its_own(const StackReport& stack) { return !stack.before_attach && !stack.frames.empty(); }

bool counts_only(const StackReport& stack) { return stack.held.bytes == 0 && stack.acquired.bytes == 0; }

bool gave_little_back(const StackReport& stack) {
    constexpr uint64_t kOneIn = 10;
    if (counts_only(stack)) return stack.released.count <= stack.acquired.count / kOneIn;
    return stack.released.bytes <= stack.acquired.bytes / kOneIn;
}

// A buffer that doubles: few steps, and memory grows with it all the time.
bool grows_in_steps(const StackReport& stack, const Trend& trend, const History& history) {
    constexpr double kScore = 2.5;
    constexpr size_t kFewestSteps = 2;
    constexpr double kLargePart = 0.5;
    // A profile of Go tells what the last but one of the collections saw, between which the heap may double.
    constexpr double kLargePartOfProfile = kLargePart / 4;
    if (trend.score < kScore || trend.rising_steps < kFewestSteps) return false;
    const bool is_profile = stack.kind == "go_heap";
    if (is_profile && !gave_little_back(stack)) return false;
    const auto memory = fit_trend(history.metric("anon_bytes"));
    return memory && grows_steadily(*memory) &&
           trend.per_s >= (is_profile ? kLargePartOfProfile : kLargePart) * memory->per_s;
}

// What is known only after each collection: more at several of them, and next to nothing was given back.
bool grows_by_collections(const StackReport& stack, const Trend& trend) {
    constexpr double kScore = 2.5;
    constexpr size_t kFewestSteps = 3;
    constexpr double kLate = 0.6;
    return stack.kind == "go_heap" && trend.score >= kScore && trend.rising_steps >= kFewestSteps &&
           trend.last_rise_at >= kLate && gave_little_back(stack);
}

// Of samples, what came since the attach is counted alone: it rises in a bounded cache, too, while as much of what was there before
// goes. How much of that is growth is known.
bool is_turnover(const StackReport& stack, const GrowingStack& growing) {
    constexpr double kMostlyGrowth = 0.5;
    if (!stack.samples || !growing.bytes) return false;
    return stack.growth_per_min && stack.growth_per_min->bytes < kMostlyGrowth * growing.bytes_per_min();
}

// What is held in a noisy way, or without its ages being known, must grow more clearly.
bool grows_clearly(const Trend& trend) {
    constexpr double kScore = 3.2;
    constexpr double kOfLevel = 0.1;
    return grows_steadily(trend, kScore) && trend.rise >= kOfLevel * trend.level;
}

bool is_clearly_more(const std::optional<Trend>& trend) {
    constexpr double kMore = 0.3;
    return trend && grows_steadily(*trend) && trend->rise >= kMore * trend->level;
}

// More is held because more is done: what is taken is given back, after no longer than before, and is no larger.
bool follows_the_load(const StackReport& stack, const History& history, const StackHistory& past,
                      const std::optional<Trend>& stay) {
    if (!stay || stack.released.count < stack.acquired.count / 2) return false;
    return !is_clearly_more(stay) && !is_clearly_more(fit_trend(history.sizes(past)));
}

// Where what is in flight goes up and down, what stays is seen among the old.
void look_among_the_old(const StackReport& stack, const std::vector<Sample>& old, GrowingStack& growing) {
    const auto trend = fit_trend(old);
    if (!trend || !grows_steadily(*trend) || trend->rise < kFewestMore) return;
    growing.counts = trend;
    growing.is_of_old = true;
    if (counts_only(stack)) return;
    const double size = static_cast<double>(stack.held.bytes) / static_cast<double>(stack.held.count);
    growing.bytes = trend;
    for (double Trend::*part : {&Trend::per_s, &Trend::low_per_s, &Trend::high_per_s, &Trend::rise, &Trend::level})
        (*growing.bytes).*part *= size;
}

// Objects of Python that refer to each other stay until the collector comes, and those that it meets twice while they are in use stay
// for minutes: a few of all that a line makes.
bool may_be_garbage_of_python(const StackReport& stack) {
    constexpr uint64_t kOneIn = 50;
    return stack.kind == "heap" && stack.held.count < stack.acquired.count / kOneIn &&
           std::ranges::any_of(stack.frames, [](const Frame& frame) { return frame.module == "[python]"; });
}

std::optional<GrowingStack> judge(const ProcessReport& process, const StackReport& stack, const History& history,
                                  double time_s) {
    const StackHistory* past = history.stack(stack);
    if (past == nullptr || stack.held.count == 0) return std::nullopt;
    if (stack.samples && *stack.samples < kFewestSamples) return std::nullopt;
    GrowingStack growing{.stack = &stack};
    const auto counts = fit_trend(history.counts(*past));
    if (counts && grows_steadily(*counts) && counts->rise >= kFewestMore) growing.counts = counts;
    if (!counts_only(stack)) {
        const auto bytes = fit_trend(history.bytes(*past));
        const bool grows = bytes && (grows_steadily(*bytes) || grows_in_steps(stack, *bytes, history) ||
                                     grows_by_collections(stack, *bytes));
        if (grows && bytes->rise >= kFewestBytesMore) growing.bytes = bytes;
    }
    if (!growing.counts && !stack.held_by_slice.empty()) look_among_the_old(stack, history.old(*past), growing);
    if ((!growing.counts && !growing.bytes) || is_turnover(stack, growing)) return std::nullopt;
    growing.survival = survival_of(process, stack, *past, time_s);
    bool is_kept = false;
    constexpr double kLikeAQueue = 0.8;
    if (is_of_collector(stack, process.exe)) {
        // Whose objects they are is told by that, but for objects that V8 makes old at once.
        const Frame& frame = stack.frames[headline_frame(stack.frames, process.exe)];
        if (tells_js_heap(process) && frame.function.starts_with("v8::")) return std::nullopt;
        if (history.span_s() < kLongEnoughS) return std::nullopt;
    } else if (growing.counts && growing.survival) {
        const Survival& survival = *growing.survival;
        is_kept = survival.is_even() && survival.is_kept();
        if (is_kept && history.span_s() >= kLeakS) growing.evidence = Evidence::kLeaks;
        // Held of a few slices only: it came in a burst, or it is in flight and follows the load. Or it is a queue that gets longer:
        // that grows from next to nothing.
        if (!survival.is_even() && (survival.is_kept() || growing.counts->rise < kLikeAQueue * growing.counts->level))
            return std::nullopt;
    }
    if (growing.is_of_old && !is_kept) return std::nullopt;
    if (may_be_garbage_of_python(stack)) {
        if (history.span_s() < kLongEnoughS) return std::nullopt;
        growing.evidence = Evidence::kGrows;
    }
    if (!is_kept) {
        growing.stay = fit_trend(history.stays(*past));
        if (follows_the_load(stack, history, *past, growing.stay)) return std::nullopt;
    }
    const bool is_clear = (growing.counts && grows_clearly(*growing.counts)) ||
                          (growing.bytes && (grows_clearly(*growing.bytes) || !grows_steadily(*growing.bytes)));
    // That nothing of it was given back is seen from fewer looks than a trend is clear from.
    if (!is_kept && !is_clear) return std::nullopt;
    return growing;
}

// Memory that became more and was hardly given back, but in too few steps to tell by itself, as that of a heap which is seen after
// each collection only.
std::optional<GrowingStack> judge_as_follower(const StackReport& stack, const History& history) {
    constexpr uint64_t kFewestTaken = 3;
    const StackHistory* past = history.stack(stack);
    if (past == nullptr || counts_only(stack) || stack.acquired.count < kFewestTaken) return std::nullopt;
    if (!gave_little_back(stack)) return std::nullopt;
    const auto bytes = fit_trend(history.bytes(*past));
    if (!bytes || bytes->per_s <= 0 || bytes->rise < kFewestBytesMore) return std::nullopt;
    GrowingStack follower{.stack = &stack, .evidence = Evidence::kFollows, .bytes = bytes};
    follower.counts = fit_trend(history.counts(*past));
    if (is_turnover(stack, follower)) return std::nullopt;
    return follower;
}

// As many of something of which all is known, at the same pace: a connection, say, for each of these blocks.
bool goes_with_what_is_known(const GrowingStack& one, const std::vector<GrowingStack>& growing) {
    return std::ranges::any_of(growing, [&](const GrowingStack& other) {
        return uses_up(other.stack->kind) != UsesUp::kMemory && other.counts &&
               are_as_many(one.stack->held.count, one.count_per_min(), other.stack->held.count, other.count_per_min());
    });
}

// What was taken before the attach is not known where it cannot be read. If as much of it goes as comes, it is replaced, and
// nothing grows: what comes at no more than that rate is taken out, the fastest first.
void take_out_replaced(const ProcessReport& process, const History& history, std::vector<GrowingStack>& growing) {
    constexpr double kAbout = 1.25;
    constexpr double kSure = 2.5;
    // Memory that grows by a good part of it proves the growth: a thread that ends gives back what no free() is seen of.
    constexpr double kGoodPart = 0.3;
    const auto memory = fit_trend(history.metric("anon_bytes"));
    double claimed_per_s = 0;
    for (const GrowingStack& one : growing)
        if (uses_up(one.stack->kind) == UsesUp::kMemory && one.bytes) claimed_per_s += one.bytes->per_s;
    if (memory && grows_steadily(*memory) && memory->per_s >= kGoodPart * claimed_per_s) return;
    for (const KindReport& kind : process.kinds) {
        const auto unknown = fit_trend(history.metric(kind.kind + ".released_unknown"));
        if (!unknown || unknown->score < kSure || unknown->per_s <= 0) continue;
        double rest_per_s = unknown->per_s;
        std::vector<GrowingStack*> by_rate;
        for (GrowingStack& one : growing)
            if (one.stack->kind == kind.kind && one.counts) by_rate.push_back(&one);
        std::ranges::sort(by_rate, [](const auto* a, const auto* b) { return a->counts->per_s > b->counts->per_s; });
        for (GrowingStack* one : by_rate) {
            if (one->counts->per_s > rest_per_s * kAbout || goes_with_what_is_known(*one, growing)) continue;
            rest_per_s = std::max(rest_per_s - one->counts->per_s, 0.0);
            one->counts.reset();
            one->bytes.reset();
        }
    }
    std::erase_if(growing, [](const GrowingStack& one) { return !one.counts && !one.bytes; });
}

bool same_place(const Frame& a, const Frame& b) {
    if (a.line > 0 && b.line > 0) return a.function == b.function && a.line == b.line && a.file == b.file;
    return a.address != 0 && a.address == b.address;  // code of scripts has none
}

size_t equal_frames(const StackReport& a, const StackReport& b) {
    const size_t most = std::min(a.frames.size(), b.frames.size());
    size_t equal = 0;
    while (equal < most && same_place(a.frames[equal], b.frames[equal])) equal++;
    return equal;
}

// Shows that its way of calling is in order: what it takes it gives back, and it takes enough to tell.
bool is_proof_of_health(const StackReport& other, const StackReport& growing) {
    constexpr uint64_t kOneIn = 10;
    return other.kind == growing.kind && other.released.count >= other.acquired.count - other.acquired.count / 2 &&
           other.acquired.count >= growing.acquired.count / kOneIn;
}

// Of what JavaScript allocates, results and what is needed on the way to them come from the same lines.
bool is_part_of(const StackReport& other, const GrowingStack& growing, const ProcessReport& process) {
    return is_given_back_by_v8(process, other) && may_be_same_path(other, *growing.stack, process.exe);
}

// The frame to look at: the innermost one of the user's own code that stacks which do not grow, although they are as busy, do not
// have: a function that ten callers use is not to blame for three of them.
size_t frame_to_look_at(const GrowingStack& growing, const std::vector<const StackReport*>& quiet,
                        const ProcessReport& process) {
    const std::string_view exe = process.exe;
    const std::vector<Frame>& frames = growing.stack->frames;
    size_t at = headline_frame(frames, exe);
    size_t shared = 0;
    for (const StackReport* other : quiet)
        if (is_proof_of_health(*other, *growing.stack) && !is_part_of(*other, growing, process))
            shared = std::max(shared, equal_frames(*growing.stack, *other));
    while (at < shared && shared < frames.size()) {
        const size_t next = shared + headline_frame(std::span(frames).subspan(shared), exe);
        if (next >= frames.size() || frames[next].module != frames[at].module) break;
        at = next;
    }
    return at;
}

bool hands_on(const GrowingStack& growing) {
    const std::vector<Frame>& frames = growing.stack->frames;
    return growing.headline < frames.size() && frames[growing.headline].hands_on;
}

// Who hands on what a library gave to it is not to blame for what its callers never give back. But if some of it is given back, they
// know, and what stays got lost on the way.
void pass_over_who_hands_on(std::vector<GrowingStack>& growing, std::string_view exe) {
    std::vector<std::string_view> loses_some;
    for (const GrowingStack& one : growing)
        if (hands_on(one) && uses_up(one.stack->kind) != UsesUp::kMemory && !gave_little_back(*one.stack))
            loses_some.push_back(one.stack->frames[one.headline].function);
    for (GrowingStack& one : growing) {
        const std::vector<Frame>& frames = one.stack->frames;
        while (hands_on(one) && one.headline + 1 < frames.size() && !frames[one.headline + 1].created_by &&
               is_user_code(frames[one.headline + 1], exe) &&
               std::ranges::find(loses_some, frames[one.headline].function) == loses_some.end())
            one.headline++;
    }
}

}  // namespace

bool are_as_many(uint64_t held_a, double per_min_a, uint64_t held_b, double per_min_b) {
    constexpr double kAbout = 0.02;
    constexpr double kFewest = 12;
    constexpr double kInBetween = 2;
    const auto a = static_cast<double>(held_a);
    const auto b = static_cast<double>(held_b);
    const double pace = std::max(per_min_a, per_min_b);
    return std::min(a, b) >= kFewest && pace > 0 && std::abs(a - b) <= std::max(kInBetween, kAbout * a) &&
           std::abs(per_min_a - per_min_b) <= kAbout * pace;
}

bool is_sample_of_memory(const StackReport& stack) {
    return stack.kind == "mapping" && !stack.frames.empty() && stack.frames[0].script == ScriptOrigin::kInterpreter;
}

bool is_of_collector(const StackReport& stack, std::string_view exe) {
    if (stack.frames.empty() || (stack.kind != "heap" && stack.kind != "mapping")) return false;
    // A collector takes memory on behalf of any line.
    const auto script = std::ranges::find_if(stack.frames, is_script_code);
    const std::span native(stack.frames.begin(), script);
    if (native.empty()) return false;
    const Frame& frame = native[headline_frame(native, exe)];
    return frame.function.starts_with("v8::internal::") || frame.function.starts_with("v8::platform::") ||
           frame.function.starts_with("v8::base::") || frame.module.find("/libjvm.so") != std::string::npos ||
           frame.module.find("/libcoreclr.so") != std::string::npos ||
           frame.module.find("/libmono") != std::string::npos;
}

std::vector<GrowingStack> growing_stacks(const ProcessReport& process, const History& history, double time_s) {
    std::vector<GrowingStack> growing;
    std::vector<GrowingStack> followers;
    std::vector<const StackReport*> quiet;
    constexpr uint64_t kBusy = 3;
    for (const StackReport& stack : process.stacks) {
        if (!has_frames_of_its_own(stack)) continue;
        if (is_given_back_by_v8(process, stack)) {
            if (stack.acquired.count >= kBusy) quiet.push_back(&stack);
            continue;
        }
        if (auto one = judge(process, stack, history, time_s)) {
            growing.push_back(*one);
            continue;
        }
        if (auto one = judge_as_follower(stack, history)) followers.push_back(*one);
        if (stack.acquired.count >= kBusy) quiet.push_back(&stack);
    }
    take_out_replaced(process, history, growing);
    std::ranges::move(growing_js_places(process, history, time_s), std::back_inserter(growing));
    if (!growing.empty()) growing.insert(growing.end(), followers.begin(), followers.end());
    for (GrowingStack& one : growing) {
        one.headline = frame_to_look_at(one, quiet, process);
        look_at_what_keeps(process, one);
        one.is_users_code = is_user_code(one.stack->frames[one.headline], process.exe);
    }
    pass_over_who_hands_on(growing, process.exe);
    return growing;
}

}  // namespace whoholds
