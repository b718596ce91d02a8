#include "analyze/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

#include "analyze/finding_words.h"
#include "analyze/forecast.h"
#include "analyze/headline.h"
#include "analyze/js_heap_growth.h"
#include "analyze/memory_findings.h"
#include "analyze/suspects.h"
#include "analyze/type_findings.h"
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

// Of several lines of one function: a thread or a connection that stays says more than the memory that is taken for it, and a sample
// says least.
const GrowingStack* most_telling(const GrowingStack* chosen, const Suspect& suspect) {
    const auto telling = [](const GrowingStack& one) {
        return uses_up(one.stack->kind) != UsesUp::kMemory ? 2 : is_sample_of_memory(*one.stack) ? 0 : 1;
    };
    for (const SuspectPart& part : suspect.parts)
        for (const GrowingStack* one : part.stacks)
            if (telling(*one) > telling(*chosen) && frame_to_name(*one).function == frame_to_name(*chosen).function &&
                frame_to_name(*one).file == frame_to_name(*chosen).file)
                chosen = one;
    return chosen;
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
        for (const StackReport* row : part.rows) finding.stack_ids.push_back(row->id);
    }
    if (!first->is_users_code && suspect.first->is_users_code) first = suspect.first;
    first = most_telling(first, suspect);
    const Frame& frame = frame_to_name(*first);
    std::vector<uint64_t>& ids = finding.stack_ids;
    std::rotate(ids.begin(), std::ranges::find(ids, first->stack->id), ids.end());
    finding.headline = headline_words(frame);
    finding.file = frame.file;
    finding.line = frame.line;
    finding.reason = growth_sentence(suspect, finding, observed.history.span_s());
    if (std::string each = each_sentence(finding); !each.empty()) finding.evidence.push_back(std::move(each));
    if (std::string keeper = keeper_sentence(*first); !keeper.empty()) finding.evidence.push_back(std::move(keeper));
    if (std::string taker = hand_on_sentence(*first); !taker.empty()) finding.evidence.push_back(std::move(taker));
    if (std::string callers = callers_sentence(suspect, *first, observed.process.exe); !callers.empty())
        finding.evidence.push_back(std::move(callers));
    if (std::string share = survival_sentence(suspect); !share.empty()) finding.evidence.push_back(std::move(share));
    if (std::string stay = stay_sentence(suspect); !stay.empty()) finding.evidence.push_back(std::move(stay));
    finding.interim = interim_words(finding, observed.process);
    return finding;
}

void find_growth(const Observed& observed, std::vector<Finding>& findings) {
    const std::vector<GrowingStack> growing = growing_stacks(observed.process, observed.history, observed.time_s);
    for (const Suspect& suspect : tie_together(growing)) findings.push_back(describe(observed, suspect));
}

bool names_sockets(const Finding& finding) {
    return std::ranges::any_of(finding.parts, [](const FindingPart& part) { return part.kind == "socket"; });
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
        if (!names_sockets(finding)) continue;
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

constexpr auto kRules = std::to_array<FindingRule>({
    {"growth", find_growth},
    {"close_wait", find_close_wait},
    {"types", find_type_growth},
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

// Equal for what differs by little, so that two that are as fast do not change places with each report.
long magnitude(double value) {
    constexpr double kPerDoubling = 2;
    return value > 0 ? std::lround(std::log2(value) * kPerDoubling) : std::numeric_limits<long>::min();
}

// What reaches its limit first comes first; far off is as good as never.
bool comes_before(const Finding& a, const Finding& b) {
    static constexpr double kFarOffS = 30.0 * 86400;
    const auto key = [](const Finding& one) {
        const long urgency = magnitude(std::min(urgency_s(one.forecast), kFarOffS));
        return std::tuple(urgency, rank_of(one), -static_cast<long>(one.parts.size()),
                          -magnitude(1 + bytes_per_min(one)), std::string_view(one.headline));
    };
    return key(a) < key(b);
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
            fmt::format("observed for {}, in {} report{}; what grows can be told {} after the first one and from {} on",
                        human_age(process.attached_s > 0 ? process.attached_s : time_s), history.looks(),
                        history.looks() == 1 ? "" : "s", human_age(kFewestSeconds), kFewestTrendPoints);
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
    if (process.findings.empty()) process.why_no_verdict = why_js_is_not_judged(process, history, time_s);
    process.memory_forecast = memory_forecast(process, history, std::nullopt);
}

}  // namespace whoholds
