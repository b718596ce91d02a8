#include "analyze/forecast.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace whoholds {
namespace {

constexpr double kLongest = 365.0 * 86400;  // by then it has been restarted anyhow

struct KindUse {
    std::string_view kind;
    UsesUp use;
};

constexpr auto kUses = std::to_array<KindUse>({
    {"fd", UsesUp::kDescriptors},
    {"socket", UsesUp::kDescriptors},
    {"thread", UsesUp::kThreads},
    {"joinable", UsesUp::kThreadStacks},
    {"goroutine", UsesUp::kNothing},  // their stacks are memory of the Go runtime
});

uint64_t count_of(const ProcessReport& process, const char* kind) {
    for (const KindReport& one : process.kinds)
        if (one.kind == kind) return one.held.count;
    return 0;
}

void keep_first(std::optional<Forecast>& first, std::optional<Forecast> other) {
    if (other && (!first || other->in_s < first->in_s)) first = std::move(other);
}

}  // namespace

UsesUp uses_up(std::string_view kind) {
    const auto* found = std::ranges::find(kUses, kind, &KindUse::kind);
    return found == kUses.end() ? UsesUp::kMemory : found->use;
}

std::optional<Forecast> forecast_of(std::string limit, uint64_t limit_value, uint64_t now_value, const Trend& trend) {
    if (trend.per_s <= 0 || now_value >= limit_value) return std::nullopt;
    const auto room = static_cast<double>(limit_value - now_value);
    Forecast forecast{.limit = std::move(limit), .limit_value = limit_value, .now_value = now_value};
    forecast.in_s = room / trend.per_s;
    if (forecast.in_s > kLongest) return std::nullopt;
    forecast.low_s = trend.high_per_s > trend.per_s ? room / trend.high_per_s : forecast.in_s;
    forecast.high_s = trend.low_per_s > 0 ? room / trend.low_per_s : std::numeric_limits<double>::infinity();
    forecast.high_s = std::max(forecast.high_s, forecast.in_s);
    return forecast;
}

std::optional<Forecast> memory_forecast(const ProcessReport& process, const History& history,
                                        const std::optional<Trend>& grows_by) {
    // What the process as a whole does says more, as it has the allocator's own share in it; but not of a small part of it.
    constexpr double kLargePart = 0.3;
    const auto anonymous = fit_trend(history.metric("anon_bytes"));
    const bool whole_grows = anonymous && grows_steadily(*anonymous);
    const bool is_large_part = !grows_by || (whole_grows && grows_by->per_s >= kLargePart * anonymous->per_s);
    const std::optional<Trend> trend = whole_grows && is_large_part ? anonymous : grows_by;
    if (!trend) return std::nullopt;
    std::optional<Forecast> first;
    const MemoryUse& memory = process.memory;
    const Limits& limits = process.limits;
    if (memory.limit_bytes)
        keep_first(first,
                   forecast_of(memory.limit_source.empty() ? "memory limit" : memory.limit_source, *memory.limit_bytes,
                               std::max(limits.memory_now_bytes.value_or(0), memory.rss_bytes), *trend));
    if (process.go && process.go->facts.memory_limit_bytes)
        keep_first(first, forecast_of("GOMEMLIMIT", *process.go->facts.memory_limit_bytes,
                                      process.go->facts.heap_in_use_bytes, *trend));
    if (limits.machine_total_bytes && limits.machine_available_bytes)
        keep_first(first, forecast_of("the machine's memory", *limits.machine_total_bytes,
                                      *limits.machine_total_bytes -
                                          std::min(*limits.machine_available_bytes, *limits.machine_total_bytes),
                                      *trend));
    return first;
}

std::optional<Forecast> descriptor_forecast(const ProcessReport& process, const Trend& trend) {
    if (!process.limits.open_files) return std::nullopt;
    return forecast_of("RLIMIT_NOFILE", *process.limits.open_files,
                       count_of(process, "fd") + count_of(process, "socket"), trend);
}

std::optional<Forecast> thread_forecast(const ProcessReport& process, const Trend& trend) {
    if (!process.limits.pids_max || !process.limits.pids_now) return std::nullopt;
    return forecast_of("pids.max", *process.limits.pids_max, *process.limits.pids_now, trend);
}

}  // namespace whoholds
