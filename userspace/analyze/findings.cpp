#include "analyze/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "analyze/finding_words.h"
#include "analyze/forecast.h"
#include "analyze/headline.h"
#include "analyze/suspects.h"
#include "base/human.h"

namespace whoholds {
namespace {

Trend sum_of(const std::vector<const GrowingStack*>& stacks, bool by_bytes) {
    Trend sum;
    for (const GrowingStack* one : stacks) {
        const std::optional<Trend>& trend = by_bytes ? one->bytes : one->counts;
        if (!trend) continue;
        sum.per_s += trend->per_s;
        sum.low_per_s += trend->low_per_s;
        sum.high_per_s += trend->high_per_s;
    }
    return sum;
}

std::optional<Forecast> forecast_of_part(const Observed& observed, const SuspectPart& part) {
    const Trend counts = sum_of(part.stacks, false);
    const Trend bytes = sum_of(part.stacks, true);
    switch (uses_up(part.kind)) {
        case UsesUp::kDescriptors: return descriptor_forecast(observed.process, counts);
        case UsesUp::kThreads: return thread_forecast(observed.process, counts);
        case UsesUp::kMemory:
            if (bytes.per_s <= 0) return std::nullopt;
            return memory_forecast(observed.process, observed.history, bytes);
        case UsesUp::kThreadStacks:
        case UsesUp::kNothing: break;
    }
    return std::nullopt;
}

double urgency_s(const std::optional<Forecast>& forecast) {
    return forecast ? forecast->in_s : std::numeric_limits<double>::infinity();
}

Finding describe(const Observed& observed, const Suspect& suspect) {
    Finding finding;
    finding.verdict = suspect.evidence == Evidence::kLeaks ? "leak" : "growing";
    const GrowingStack* first = suspect.first;
    for (const SuspectPart& part : suspect.parts) {
        std::optional<Forecast> forecast = forecast_of_part(observed, part);
        const bool is_first = !finding.parts.empty() && urgency_s(forecast) < urgency_s(finding.forecast);
        if (finding.parts.empty() || is_first) {
            finding.forecast = std::move(forecast);
            first = part.stacks.front();
        }
        finding.parts.insert(is_first ? finding.parts.begin() : finding.parts.end(),
                             {part.kind, title_of(observed.process, part.kind), part.held, part.growth_per_min});
        for (const GrowingStack* one : part.stacks) finding.stack_ids.push_back(one->stack->id);
    }
    const Frame& frame = first->stack->frames[first->headline];
    finding.headline = headline_words(frame);
    finding.file = frame.file;
    finding.line = frame.line;
    finding.reason = growth_sentence(suspect, finding, observed.history.span_s());
    if (std::string each = each_sentence(finding); !each.empty()) finding.evidence.push_back(std::move(each));
    if (std::string share = survival_sentence(suspect); !share.empty()) finding.evidence.push_back(std::move(share));
    finding.interim = interim_words(finding, observed.process);
    return finding;
}

void find_growth(const Observed& observed, std::vector<Finding>& findings) {
    const std::vector<GrowingStack> growing = growing_stacks(observed.process, observed.history, observed.time_s);
    for (const Suspect& suspect : tie_together(growing)) findings.push_back(describe(observed, suspect));
}

bool names(const std::vector<Finding>& findings, std::string_view kind) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
        return std::ranges::any_of(finding.parts, [&](const FindingPart& part) { return part.kind == kind; });
    });
}

// Memory of a collector is left out, as in growing_stacks().
const StackReport* grown_most(const Observed& observed, const std::string& kind) {
    const StackReport* most = nullptr;
    double most_rise = 0;
    for (const StackReport& stack : observed.process.stacks) {
        const StackHistory* past = observed.history.stack(stack);
        if (stack.kind != kind || stack.frames.empty() || past == nullptr ||
            is_of_collector(stack, observed.process.exe))
            continue;
        const std::vector<Sample> bytes = observed.history.bytes(*past);
        const double rise = bytes.back().value - bytes.front().value;
        if (rise > most_rise) most_rise = rise, most = &stack;
    }
    return most;
}

// Connections that the other side has closed and this one has not.
void find_close_wait(const Observed& observed, std::vector<Finding>& findings) {
    constexpr uint64_t kMany = 5;
    const ConnectionGroup* most = nullptr;
    uint64_t count = 0;
    uint64_t most_count = 0;
    for (const ConnectionGroup& group : observed.process.connections)
        for (const auto& [state, of_state] : group.states) {
            if (state != "CLOSE_WAIT") continue;
            count += of_state;
            if (of_state > most_count) most_count = of_state, most = &group;
        }
    if (count < kMany || most == nullptr) return;
    const auto trend = fit_trend(observed.history.metric("connections.CLOSE_WAIT"));
    const bool grows = trend && grows_steadily(*trend);
    const bool stays = trend && trend->level >= kMany;
    if (!grows && !stays) return;
    for (Finding& finding : findings) {
        if (!names({finding}, "socket")) continue;
        finding.evidence.push_back(
            fmt::format("{} connections are in CLOSE_WAIT: the other side has closed them", exact_count(count)));
        return;
    }
    Finding finding{.verdict = grows ? "growing" : "holding"};
    finding.headline = "connections in CLOSE_WAIT";
    for (const StackReport& stack : observed.process.stacks) {
        if (std::ranges::find(most->stack_ids, stack.id) == most->stack_ids.end()) continue;
        finding.headline = stack.headline;
        finding.stack_ids.push_back(stack.id);
    }
    finding.reason =
        fmt::format("{} connections were closed by the other side and not by this process ({} {})", exact_count(count),
                    most->direction.empty() ? "mostly with" : most->direction + ",", most->remote);
    Rate rate{.count = grows ? trend->per_s * 60 : 0};
    finding.parts.push_back({"socket", title_of(observed.process, "socket"), {.count = count}, rate});
    if (grows) finding.forecast = descriptor_forecast(observed.process, *trend);
    finding.interim = interim_words(finding, observed.process);
    findings.push_back(std::move(finding));
}

// Pools are refilled by whoever comes when they are empty: no stack grows steadily, all of them together do.
void find_spread_growth(const Observed& observed, std::vector<Finding>& findings) {
    constexpr double kScore = 3.2;
    constexpr double kLargePart = 0.3;
    const auto memory = fit_trend(observed.history.metric("anon_bytes"));
    if (!memory || !grows_steadily(*memory)) return;
    for (const KindReport& kind : observed.process.kinds) {
        if (kind.kind != "mapping") continue;  // blocks of the heap are given to those who use them
        const auto held = fit_trend(observed.history.metric(kind.kind + ".bytes"));
        if (!held || !grows_steadily(*held, kScore) || names(findings, kind.kind)) continue;
        if (held->per_s < kLargePart * memory->per_s) continue;
        const StackReport* most = grown_most(observed, kind.kind);
        if (most == nullptr) continue;
        Finding finding{.verdict = "growing"};
        const Frame& frame = most->frames[headline_frame(most->frames, observed.process.exe)];
        finding.headline = headline_words(frame);
        finding.file = frame.file;
        finding.line = frame.line;
        finding.reason = fmt::format(
            "+{} {} a minute, by several stacks in turn, like a pool that is refilled by whoever finds it empty; the "
            "one "
            "that took most is named",
            human_bytes(static_cast<uint64_t>(held->per_s * 60)), kind.title);
        finding.parts.push_back({kind.kind, kind.title, kind.held, {.bytes = held->per_s * 60}});
        finding.forecast = memory_forecast(observed.process, observed.history, held);
        finding.stack_ids.push_back(most->id);
        finding.interim = interim_words(finding, observed.process);
        findings.push_back(std::move(finding));
    }
}

// Memory that the process has and the program does not hold.
void find_fragmentation(const Observed& observed, std::vector<Finding>& findings) {
    constexpr double kFewestBytes = 8 << 20;
    constexpr double kExplained = 0.4;
    constexpr double kSure = 2;
    const auto anonymous = fit_trend(observed.history.metric("anon_bytes"));
    if (!anonymous || !grows_steadily(*anonymous) || anonymous->rise < kFewestBytes) return;
    if (observed.process.runtime != "native") return;
    double held_per_s = 0;
    bool is_traced = false;
    for (const KindReport& kind : observed.process.kinds) {
        if (kind.kind != "heap" && kind.kind != "mapping") continue;
        is_traced |= kind.kind == "heap" && kind.acquired.count > 0;
        const auto samples = observed.history.metric(kind.kind + ".bytes");
        const auto trend = fit_trend(samples);
        if (trend && trend->score >= kSure) held_per_s += trend->per_s;  // else it is noise
    }
    if (!is_traced || held_per_s > kExplained * anonymous->per_s) return;
    Finding finding{.verdict = "growing"};
    finding.headline = "memory that nothing holds";
    finding.reason = fmt::format(
        "anonymous memory grows by {} a minute, what the program holds by {}: the allocator keeps what it was given "
        "back, "
        "or blocks lie too scattered to return pages",
        human_bytes(static_cast<uint64_t>(anonymous->per_s * 60)), human_bytes(static_cast<uint64_t>(held_per_s * 60)));
    finding.forecast = memory_forecast(observed.process, observed.history, anonymous);
    finding.interim =
        "with glibc: start it with MALLOC_ARENA_MAX=2, or call malloc_trim(0) now and then; another allocator "
        "(jemalloc, "
        "tcmalloc) returns pages by itself; transparent huge pages off for this process";
    findings.push_back(std::move(finding));
}

// The container's limit counts the page cache and tmpfs, too.
void find_page_cache(const Observed& observed, std::vector<Finding>& findings) {
    constexpr double kLargePart = 0.5;
    constexpr double kNearLimit = 0.8;
    const Limits& limits = observed.process.limits;
    const auto& limit = observed.process.memory.limit_bytes;
    if (!limit || !limits.memory_now_bytes || !limits.group_file_bytes) return;
    const auto now = static_cast<double>(*limits.memory_now_bytes);
    const auto shared = static_cast<double>(limits.group_shmem_bytes.value_or(0));
    const auto file = static_cast<double>(*limits.group_file_bytes);
    if (now < kNearLimit * static_cast<double>(*limit) || file < kLargePart * now) return;
    Finding finding{.verdict = "holding"};
    finding.headline = shared > file / 2 ? "files in tmpfs" : "page cache";
    finding.reason =
        fmt::format("{} of the {} that its control group is charged for are {}, which is not the program's own memory",
                    human_bytes(*limits.group_file_bytes), human_bytes(*limits.memory_now_bytes),
                    shared > file / 2 ? "files in tmpfs and shared memory" : "page cache");
    finding.interim = shared > file / 2 ? "remove files below /dev/shm or emptyDir volumes in memory"
                                        : "nothing: the kernel gives page cache back when memory is needed";
    findings.push_back(std::move(finding));
}

constexpr auto kRules = std::to_array<FindingRule>({
    {"growth", find_growth},
    {"close_wait", find_close_wait},
    {"spread", find_spread_growth},
    {"fragmentation", find_fragmentation},
    {"page_cache", find_page_cache},
});

double bytes_per_min(const Finding& finding) {
    double sum = 0;
    for (const FindingPart& part : finding.parts) sum += part.growth_per_min.bytes;
    return sum;
}

int rank_of(const Finding& finding) {
    if (finding.verdict == "leak") return 0;
    return finding.verdict == "growing" ? 1 : 2;
}

// What reaches its limit first comes first; far off is as good as never.
bool comes_before(const Finding& a, const Finding& b) {
    constexpr double kFarOffS = 30.0 * 86400;
    const double of_a = urgency_s(a.forecast);
    const double of_b = urgency_s(b.forecast);
    if (std::min(of_a, of_b) < kFarOffS && of_a != of_b) return of_a < of_b;
    if (rank_of(a) != rank_of(b)) return rank_of(a) < rank_of(b);
    if (a.parts.size() != b.parts.size()) return a.parts.size() > b.parts.size();
    return bytes_per_min(a) > bytes_per_min(b);
}

}  // namespace

std::span<const FindingRule> finding_rules() { return kRules; }

void judge(ProcessReport& process, const History& history, double time_s) {
    process.findings.clear();
    process.why_no_verdict.clear();
    process.memory_forecast.reset();
    process.series = history.all_metrics();
    if (history.looks() < kFewestTrendPoints || history.span_s() < kFewestSeconds) {
        process.why_no_verdict =
            fmt::format("observed for {} in {} reports; what grows can be told after {} and {} reports",
                        human_age(history.span_s()), history.looks(), human_age(kFewestSeconds), kFewestTrendPoints);
        return;
    }
    const Observed observed{process, history, time_s};
    std::vector<Finding> findings;
    for (const FindingRule& rule : kRules) {
        const size_t before = findings.size();
        rule.find(observed, findings);
        for (size_t i = before; i < findings.size(); i++) findings[i].rule = rule.name;
    }
    std::ranges::stable_sort(findings, comes_before);
    process.findings = std::move(findings);
    process.memory_forecast = memory_forecast(process, history, std::nullopt);
}

}  // namespace whoholds
