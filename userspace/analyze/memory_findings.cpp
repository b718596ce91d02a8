#include "analyze/memory_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "analyze/finding_words.h"
#include "analyze/forecast.h"
#include "analyze/growing_stacks.h"
#include "analyze/headline.h"
#include "base/human.h"

namespace whoholds {
namespace {

bool names(const std::vector<Finding>& findings, std::string_view kind) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
        return std::ranges::any_of(finding.parts, [&](const FindingPart& part) { return part.kind == kind; });
    });
}

// nullptr: none, or it is memory of a collector, as in growing_stacks().
const StackReport* grown_most(const Observed& observed, const std::string& kind) {
    const StackReport* most = nullptr;
    double most_rise = 0;
    for (const StackReport& stack : observed.process.stacks) {
        const StackHistory* past = observed.history.stack(stack);
        if (stack.kind != kind || stack.frames.empty() || past == nullptr) continue;
        const std::vector<Sample> bytes = observed.history.bytes(*past);
        const double rise = bytes.back().value - bytes.front().value;
        if (rise > most_rise) most_rise = rise, most = &stack;
    }
    return most != nullptr && is_of_collector(*most, observed.process.exe) ? nullptr : most;
}

// Whether most of what a kind grew by belongs to stacks that are suppressed.
bool is_rise_suppressed(const Observed& observed, const std::string& kind, double rise_of_kind) {
    constexpr double kLargePart = 0.5;
    const auto& suppressed = observed.process.suppressed.stacks;
    if (std::ranges::none_of(suppressed, [&](const auto& one) { return one.second.kind == kind; })) return false;
    double rise = 0;
    for (const StackReport& stack : observed.process.stacks) {
        const StackHistory* past = observed.history.stack(stack);
        if (stack.kind != kind || past == nullptr) continue;
        const std::vector<Sample> bytes = observed.history.bytes(*past);
        rise += bytes.back().value - bytes.front().value;
    }
    return rise < kLargePart * rise_of_kind;
}

bool is_held_memory(const KindReport& kind) { return kind.kind == "heap" || kind.kind == "mapping"; }

// What the process has beyond what is held. Where what is held goes up and down, as with a collector, its trend says little, and this one's
// much.
std::vector<Sample> memory_not_held(const Observed& observed) {
    std::vector<Sample> rest = observed.history.metric("anon_bytes");
    for (const KindReport& kind : observed.process.kinds) {
        if (!is_held_memory(kind)) continue;
        auto at = rest.begin();
        for (const Sample& held : observed.history.metric(kind.kind + ".bytes")) {
            at = std::find_if(at, rest.end(), [&](const Sample& one) { return one.time_s >= held.time_s; });
            if (at != rest.end() && at->time_s == held.time_s) at->value -= held.value;
        }
    }
    return rest;
}

}  // namespace

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
        if (most == nullptr || is_rise_suppressed(observed, kind.kind, held->rise)) continue;
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

void find_fragmentation(const Observed& observed, std::vector<Finding>& findings) {
    constexpr double kFewestBytes = 8 << 20;
    constexpr double kExplained = 0.4;
    constexpr double kSure = 2;
    const auto anonymous = fit_trend(observed.history.metric("anon_bytes"));
    if (!anonymous || !grows_steadily(*anonymous) || anonymous->rise < kFewestBytes) return;
    if (observed.process.runtime != "native" && observed.process.runtime != "node") return;
    double held_per_s = 0;
    bool is_traced = false;
    for (const KindReport& kind : observed.process.kinds) {
        if (!is_held_memory(kind)) continue;
        is_traced |= kind.kind == "heap" && kind.acquired.count > 0;
        const auto samples = observed.history.metric(kind.kind + ".bytes");
        const auto trend = fit_trend(samples);
        if (trend && trend->score >= kSure) held_per_s += trend->per_s;  // else it is noise
    }
    if (!is_traced || held_per_s > kExplained * anonymous->per_s) return;
    const auto rest = fit_trend(memory_not_held(observed));
    if (!rest || !grows_steadily(*rest)) return;
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

}  // namespace whoholds
