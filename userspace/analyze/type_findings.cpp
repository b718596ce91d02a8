#include "analyze/type_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "analyze/finding_words.h"
#include "analyze/forecast.h"
#include "analyze/headline.h"
#include "base/human.h"

namespace whoholds {
namespace {

constexpr std::string_view kGoHeap = "go_heap";
constexpr std::string_view kHeldBy = "held by ";

struct GrowingType {
    const TypeReport* type = nullptr;
    Trend whole;       // bytes
    double share = 0;  // of what all that is held grows by
    double count_per_min = 0;
};

// What is counted exactly needs fewer looks, if each of them has more than the one before.
bool grows_clearly(const Trend& trend) {
    constexpr double kScore = 3.2;
    constexpr double kOfLevel = 0.1;
    const bool has_never_fallen = trend.rising_steps + 1 == trend.points;
    return (has_never_fallen ? grows_steadily(trend) : grows_steadily(trend, kScore)) &&
           trend.rise >= kOfLevel * trend.level;
}

bool same_line(const Frame& a, const Frame& b) {
    return a.function == b.function && a.file == b.file && a.line == b.line;
}

bool has_line(const StackReport& stack, const Frame& line) {
    return std::ranges::any_of(stack.frames, [&](const Frame& frame) { return same_line(frame, line); });
}

bool is_users_own(const TypeReport& type) {
    constexpr int kUsersOwn = 3;
    return type.telling == kUsersOwn;
}

bool is_suppressed(const ProcessReport& process, const TypeReport& type) {
    return std::ranges::any_of(process.suppressed.stacks, [&](const auto& one) {
        return one.second.kind == kGoHeap &&
               std::ranges::any_of(type.made_at, [&](const Frame& line) { return has_line(one.second, line); });
    });
}

// By all that is held, which must grow itself: else one type only takes the place of another.
std::vector<GrowingType> growing_types(const Observed& observed) {
    constexpr double kLargePart = 0.3;
    constexpr double kFewestBytesMore = 128 << 10;
    constexpr double kSure = 2.5;
    const TypeHistory& history = observed.history.types();
    const auto total = fit_trend(history.total_bytes());
    const auto memory = fit_trend(observed.history.metric("anon_bytes"));
    if (!total || !grows_steadily(*total) || !memory || memory->score < kSure || memory->rise <= 0) return {};
    std::vector<GrowingType> growing;
    for (const TypeReport& type : observed.process.types->types) {
        if (!type.is_known || !type.reached || type.telling == 0) continue;
        const auto whole = fit_trend(history.whole_bytes(type.name));
        if (!whole || !grows_clearly(*whole) || whole->rise < kFewestBytesMore) continue;
        if (whole->per_s < kLargePart * total->per_s || is_suppressed(observed.process, type)) continue;
        const auto counts = fit_trend(history.counts(type.name));
        growing.push_back(
            {&type, *whole, whole->per_s / total->per_s, counts && grows_steadily(*counts) ? counts->per_s * 60 : 0});
    }
    std::ranges::stable_sort(growing, std::greater(), [](const GrowingType& one) {
        return std::tuple(is_users_own(*one.type), one.whole.per_s);
    });
    return growing;
}

bool is_held_by_goroutines(const TypeReport& type) {
    return !type.held_by.empty() && type.held_by.front().way.starts_with("goroutine ");
}

double rise_of(const Observed& observed, const StackReport& stack) {
    const StackHistory* past = observed.history.stack(stack);
    if (past == nullptr) return 0;
    const std::vector<Sample> bytes = observed.history.bytes(*past);
    return bytes.empty() ? 0 : std::max(bytes.back().value - bytes.front().value, 0.0);
}

struct LineRise {
    const Frame* line = nullptr;
    double bytes = 0;
};

// By how much stacks of the Go heap grew, by their lines to look at.
std::vector<LineRise> rises_of_lines(const Observed& observed) {
    std::vector<LineRise> lines;
    for (const StackReport& stack : observed.process.stacks) {
        if (stack.kind != kGoHeap || stack.frames.empty() || stack.before_attach) continue;
        const Frame& frame = stack.frames[headline_frame(stack.frames, observed.process.exe)];
        auto found = std::ranges::find_if(lines, [&](const LineRise& one) { return same_line(*one.line, frame); });
        if (found == lines.end()) found = lines.insert(found, {&frame, 0});
        found->bytes += rise_of(observed, stack);
    }
    return lines;
}

// The line to look at, nullptr if none is proved. What a profile or samples say of half of the growth comes first: most of what such
// objects lead to may be taken elsewhere. Then the only line that allocates such objects, if they are of a type of the user's: others
// are allocated by libraries, too.
const Frame* line_of(const Observed& observed, const GrowingType& growing) {
    constexpr double kBoth = 1.25;    // shares of the type and of the line: beyond 1 they have a part in common
    constexpr double kEnough = 0.25;  // of what was counted
    const std::vector<LineRise> lines = rises_of_lines(observed);
    double all = 0;
    for (const LineRise& one : lines) all += one.bytes;
    const auto most = std::ranges::max_element(lines, {}, &LineRise::bytes);
    if (most != lines.end() && most->bytes + growing.share * all >= kBoth * all &&
        most->bytes >= kEnough * growing.whole.rise && is_user_code(*most->line, observed.process.exe))
        return most->line;
    const std::vector<Frame>& made_at = growing.type->made_at;
    return made_at.size() == 1 && is_users_own(*growing.type) ? &made_at.front() : nullptr;
}

bool is_at(const Finding& finding, const Frame* line) {
    return line != nullptr && line->file == finding.file && line->line == finding.line;
}

// Whether such objects are part of what a finding is about: of what is said of the Go heap, if that is not only a little of it; of
// connections, goroutines and the like, of which there are as many or of which each has some.
bool is_part_of(const GrowingType& growing, const Frame* line, const Finding& finding) {
    constexpr double kAbout = 0.02;
    constexpr double kMostOfOne = 8;
    constexpr double kLittle = 0.25;
    if (finding.verdict == "holding") return false;
    return is_at(finding, line) || std::ranges::any_of(finding.parts, [&](const FindingPart& part) {
               if (part.kind == kGoHeap) return part.growth_per_min.bytes >= kLittle * growing.whole.per_s * 60;
               if (uses_up(part.kind) == UsesUp::kMemory || part.growth_per_min.count <= 0) return false;
               if (part.kind == "goroutine" && is_held_by_goroutines(*growing.type)) return true;
               const double each = growing.count_per_min / part.growth_per_min.count;
               return std::round(each) >= 1 && each <= kMostOfOne &&
                      std::fabs(each - std::round(each)) <= kAbout * each;
           });
}

std::string holder_sentence(const TypeReport& type) {
    if (type.held_by.empty()) return {};
    const HolderReport& holder = type.held_by.front();
    return fmt::format("{}{} ({} of {} {} looked at)", kHeldBy, holder.way, exact_count(holder.count),
                       exact_count(holder.looked_at), type.name);
}

std::string places_sentence(const TypeReport& type) {
    std::string text;
    for (const Frame& line : type.made_at)
        text += fmt::format("{}{}:{}", text.empty() ? "they are allocated at " : ", ", line.file, line.line);
    return text;
}

// From where the way begins.
std::string headline_without_line(const TypeReport& type) {
    if (type.held_by.empty()) return type.name;
    const std::string& way = type.held_by.front().way;
    return fmt::format("{}, held by {}", type.name, way.substr(0, way.find(" -> ")));
}

std::string growth_words(const GrowingType& growing, double span_s) {
    const std::string bytes = human_signed_bytes(growing.whole.per_s * 60);
    const std::string what =
        growing.count_per_min > 0
            ? fmt::format("{} {} a minute, with what they lead to {} Go heap",
                          human_signed_count(growing.count_per_min), growing.type->name, bytes)
            : fmt::format("{} Go heap a minute by {} and what they lead to", bytes, growing.type->name);
    return fmt::format(
        "{}, steadily for {}; each object was counted, and only those that variables and goroutines lead to", what,
        human_age(span_s));
}

void note_line(const Observed& observed, const Frame& line, Finding& finding) {
    constexpr size_t kMostStacks = 10;
    finding.headline = headline_words(line);
    finding.file = line.file;
    finding.line = line.line;
    std::vector<const StackReport*> stacks;
    for (const StackReport& stack : observed.process.stacks)
        if (stack.kind == kGoHeap && stack.held.bytes > 0 && has_line(stack, line)) stacks.push_back(&stack);
    std::ranges::stable_sort(stacks, std::greater(), [](const StackReport* one) { return one->held.bytes; });
    if (stacks.size() > kMostStacks) stacks.resize(kMostStacks);
    for (const StackReport* stack : stacks) finding.stack_ids.push_back(stack->id);
}

Finding describe(const Observed& observed, const GrowingType& growing) {
    Finding finding{.verdict = "growing"};
    finding.parts.push_back({std::string(kGoHeap),
                             title_of(observed.process, kGoHeap),
                             {growing.type->reached->amount.count, growing.type->reached->whole_bytes},
                             {growing.count_per_min, growing.whole.per_s * 60}});
    finding.reason = growth_words(growing, growing.whole.span_s);
    finding.forecast = memory_forecast(observed.process, observed.history, growing.whole);
    finding.interim = interim_words(finding, observed.process);
    return finding;
}

// What a rule with a stack found says where memory is taken, and not who holds on to it; how fast it grows by a profile, which lags behind
// what was counted.
void note_count(const Observed& observed, const GrowingType& growing, const Frame* line, Finding& finding) {
    const bool is_noted =
        std::ranges::any_of(finding.evidence, [](const std::string& one) { return one.starts_with(kHeldBy); });
    std::string holder = holder_sentence(*growing.type);
    if (!is_at(finding, line) || is_noted || holder.empty()) return;
    finding.evidence.push_back(std::move(holder));
    finding.evidence.push_back(growth_words(growing, growing.whole.span_s));
    if (finding.parts.size() != 1 || finding.parts.front().kind != kGoHeap) return;
    if (growing.whole.per_s * 60 <= finding.parts.front().growth_per_min.bytes) return;
    finding.forecast = memory_forecast(observed.process, observed.history, growing.whole);
    finding.interim = interim_words(finding, observed.process);
}

}  // namespace

void find_type_growth(const Observed& observed, std::vector<Finding>& findings) {
    if (!observed.process.types) return;
    for (const GrowingType& growing : growing_types(observed)) {
        const TypeReport& type = *growing.type;
        const Frame* line = line_of(observed, growing);
        const auto known =
            std::ranges::find_if(findings, [&](const Finding& one) { return is_part_of(growing, line, one); });
        if (known != findings.end()) {
            note_count(observed, growing, line, *known);
            continue;
        }
        if (line == nullptr && !is_users_own(type)) continue;
        Finding finding = describe(observed, growing);
        if (line != nullptr)
            note_line(observed, *line, finding);
        else
            finding.headline = headline_without_line(type);
        if (std::string holder = holder_sentence(type); !holder.empty()) finding.evidence.push_back(std::move(holder));
        if (type.made_at.size() > 1 || (line != nullptr && !type.made_at.empty() && !same_line(*line, type.made_at[0])))
            finding.evidence.push_back(places_sentence(type));
        findings.push_back(std::move(finding));
        return;  // what else grows is mostly part of this
    }
}

}  // namespace whoholds
