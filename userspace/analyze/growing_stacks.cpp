#include "analyze/growing_stacks.h"

#include <algorithm>
#include <numeric>

#include "analyze/headline.h"

namespace whoholds {
namespace {

constexpr size_t kFewestSlices = 4;
constexpr double kEnoughPerSlice = 3;

// What is to be seen of old slices, neighbours joined until there is enough in each to tell.
struct OldSlices {
    std::vector<double> held;
    double kept = 1;
};

OldSlices old_slices(const ProcessReport& process, const StackReport& stack, const StackHistory& history,
                     double time_s) {
    OldSlices old;
    const size_t known = std::min(stack.held_by_slice.size(), process.slice_ends_s.size());
    double now = 0;
    double then = 0;
    const double attached_at_s = process.attached_s > 0 ? time_s - process.attached_s : 0;
    for (size_t i = 0; i < known && process.slice_ends_s[i] + History::kOldS <= time_s; i++) {
        if (process.slice_ends_s[i] <= attached_at_s) continue;
        old.held.push_back(static_cast<double>(stack.held_by_slice[i]));
        if (i >= history.left_when_old.size()) continue;
        now += std::min(old.held.back(), history.left_when_old[i]);
        then += history.left_when_old[i];
    }
    if (then > 0) old.kept = now / then;
    return old;
}

void join_pairs(std::vector<double>& values) {
    std::vector<double> joined;
    // From the end, so that the latest slices stay whole.
    for (size_t i = values.size(); i >= 2; i -= 2) joined.push_back(values[i - 1] + values[i - 2]);
    std::ranges::reverse(joined);
    values = std::move(joined);
}

bool has_frames_of_its_own(const StackReport& stack) { return !stack.before_attach && !stack.frames.empty(); }

bool counts_only(const StackReport& stack) { return stack.held.bytes == 0 && stack.acquired.bytes == 0; }

// A buffer that doubles: few steps, and memory grows with it all the time.
bool grows_in_steps(const Trend& trend, const History& history) {
    constexpr double kScore = 2.5;
    constexpr size_t kFewestSteps = 2;
    constexpr double kLargePart = 0.5;
    if (trend.score < kScore || trend.rising_steps < kFewestSteps) return false;
    const auto memory = fit_trend(history.metric("anon_bytes"));
    return memory && grows_steadily(*memory) && trend.per_s >= kLargePart * memory->per_s;
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

std::optional<GrowingStack> judge(const ProcessReport& process, const StackReport& stack, const History& history,
                                  double time_s) {
    constexpr double kFewestMore = 3;
    constexpr double kFewestBytesMore = 512;
    const StackHistory* past = history.stack(stack);
    if (past == nullptr || stack.held.count == 0) return std::nullopt;
    GrowingStack growing{.stack = &stack};
    const auto counts = fit_trend(history.counts(*past));
    if (counts && grows_steadily(*counts) && counts->rise >= kFewestMore) growing.counts = counts;
    if (!counts_only(stack)) {
        const auto bytes = fit_trend(history.bytes(*past));
        const bool grows = bytes && (grows_steadily(*bytes) || grows_in_steps(*bytes, history));
        if (grows && bytes->rise >= kFewestBytesMore) growing.bytes = bytes;
    }
    if ((!growing.counts && !growing.bytes) || is_turnover(stack, growing)) return std::nullopt;
    growing.survival = survival_of(process, stack, *past, time_s);
    constexpr double kOccupied = 0.7;
    constexpr double kLate = 0.3;
    constexpr double kLargest = 0.5;
    constexpr double kKept = 0.9;
    constexpr double kLikeAQueue = 0.8;
    constexpr double kLeakS = 50;  // what is still filled by then is said to grow
    if (is_of_collector(stack, process.exe)) {
        constexpr double kLongEnoughS = 300;
        if (history.span_s() < kLongEnoughS) return std::nullopt;
    } else if (growing.counts && growing.survival) {
        const Survival& survival = *growing.survival;
        const bool is_even = survival.occupied >= kOccupied && survival.late >= kLate && survival.largest <= kLargest;
        if (is_even && survival.kept >= kKept && history.span_s() >= kLeakS) growing.evidence = Evidence::kLeaks;
        // Held of a few slices only: it came in a burst, or it is in flight and follows the load. Or it is a queue that gets longer:
        // that grows from next to nothing.
        if (!is_even && (survival.kept >= kKept || growing.counts->rise < kLikeAQueue * growing.counts->level))
            return std::nullopt;
    }
    const bool is_clear = (growing.counts && grows_clearly(*growing.counts)) ||
                          (growing.bytes && (grows_clearly(*growing.bytes) || !grows_steadily(*growing.bytes)));
    if (growing.evidence == Evidence::kGrows && !is_clear) return std::nullopt;
    return growing;
}

// What was taken before the attach is not known where it cannot be read. If as much of it goes as comes, it is replaced, and
// nothing grows: what comes at no more than that rate is taken out, the fastest first.
void take_out_replaced(const ProcessReport& process, const History& history, std::vector<GrowingStack>& growing) {
    constexpr double kAbout = 1.25;
    constexpr double kSure = 2.5;
    const auto memory = fit_trend(history.metric("anon_bytes"));
    if (memory && grows_steadily(*memory)) return;  // a thread that ends gives back what no free() is seen of
    for (const KindReport& kind : process.kinds) {
        const auto unknown = fit_trend(history.metric(kind.kind + ".released_unknown"));
        if (!unknown || unknown->score < kSure || unknown->per_s <= 0) continue;
        double rest_per_s = unknown->per_s;
        std::vector<GrowingStack*> by_rate;
        for (GrowingStack& one : growing)
            if (one.stack->kind == kind.kind && one.counts) by_rate.push_back(&one);
        std::ranges::sort(by_rate, [](const auto* a, const auto* b) { return a->counts->per_s > b->counts->per_s; });
        for (GrowingStack* one : by_rate) {
            if (one->counts->per_s > rest_per_s * kAbout) continue;
            rest_per_s = std::max(rest_per_s - one->counts->per_s, 0.0);
            one->counts.reset();
            one->bytes.reset();
        }
    }
    std::erase_if(growing, [](const GrowingStack& one) { return !one.counts && !one.bytes; });
}

bool same_place(const Frame& a, const Frame& b) {
    if (a.line > 0 && b.line > 0) return a.function == b.function && a.line == b.line && a.file == b.file;
    return a.address == b.address;
}

size_t equal_frames(const StackReport& a, const StackReport& b) {
    const size_t most = std::min(a.frames.size(), b.frames.size());
    size_t equal = 0;
    while (equal < most && same_place(a.frames[equal], b.frames[equal])) equal++;
    return equal;
}

// The frame to look at: the innermost one of the user's own code that stacks which do not grow, although they are as busy, do not
// have: a function that ten callers use is not to blame for three of them.
size_t frame_to_look_at(const GrowingStack& growing, const std::vector<const StackReport*>& quiet,
                        std::string_view exe) {
    const std::vector<Frame>& frames = growing.stack->frames;
    size_t at = headline_frame(frames, exe);
    size_t shared = 0;
    for (const StackReport* other : quiet)
        if (other->kind == growing.stack->kind) shared = std::max(shared, equal_frames(*growing.stack, *other));
    while (at < shared && shared < frames.size()) {
        const size_t next = shared + headline_frame(std::span(frames).subspan(shared), exe);
        if (next >= frames.size() || frames[next].module != frames[at].module) break;
        at = next;
    }
    return at;
}

}  // namespace

bool is_of_collector(const StackReport& stack, std::string_view exe) {
    if (stack.frames.empty() || (stack.kind != "heap" && stack.kind != "mapping")) return false;
    const Frame& frame = stack.frames[headline_frame(stack.frames, exe)];
    return frame.function.starts_with("v8::internal::") || frame.function.starts_with("v8::platform::") ||
           frame.module.find("/libjvm.so") != std::string::npos ||
           frame.module.find("/libcoreclr.so") != std::string::npos ||
           frame.module.find("/libmono") != std::string::npos;
}

std::optional<Survival> survival_of(const ProcessReport& process, const StackReport& stack, const StackHistory& history,
                                    double time_s) {
    if (stack.held_by_slice.empty()) return std::nullopt;
    OldSlices old = old_slices(process, stack, history, time_s);
    double sum = std::accumulate(old.held.begin(), old.held.end(), 0.0);
    while (old.held.size() >= 2 * kFewestSlices && sum < kEnoughPerSlice * static_cast<double>(old.held.size())) {
        join_pairs(old.held);
        sum = std::accumulate(old.held.begin(), old.held.end(), 0.0);
    }
    if (old.held.size() < kFewestSlices) return std::nullopt;
    Survival survival{.slices = old.held.size(), .kept = old.kept};
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

std::vector<GrowingStack> growing_stacks(const ProcessReport& process, const History& history, double time_s) {
    std::vector<GrowingStack> growing;
    std::vector<const StackReport*> quiet;
    constexpr uint64_t kBusy = 3;
    for (const StackReport& stack : process.stacks) {
        if (!has_frames_of_its_own(stack)) continue;
        if (auto one = judge(process, stack, history, time_s)) {
            growing.push_back(*one);
        } else if (stack.acquired.count >= kBusy) {
            quiet.push_back(&stack);
        }
    }
    take_out_replaced(process, history, growing);
    for (GrowingStack& one : growing) one.headline = frame_to_look_at(one, quiet, process.exe);
    return growing;
}

}  // namespace whoholds
