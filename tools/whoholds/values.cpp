#include "whoholds/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "analyze/go_rows.h"
#include "base/printable.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

constexpr double kYearS = 365.0 * 86400;
constexpr int kMaxPid = 1 << 22;  // PID_MAX_LIMIT of 64-bit kernels

struct Unit {
    std::string_view name;
    double factor;
};

constexpr Unit kDurations[] = {{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};

// Lower case; any case is accepted.
constexpr Unit kSizes[] = {{"", 1},         {"b", 1},      {"k", 0x1p10},   {"kib", 0x1p10}, {"m", 0x1p20},
                           {"mib", 0x1p20}, {"g", 0x1p30}, {"gib", 0x1p30}, {"t", 0x1p40},   {"tib", 0x1p40}};

constexpr Unit kNoUnit[] = {{"", 1}};

constexpr auto kKinds = std::to_array<std::string_view>({
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) json_name,
    WH_RESOURCE_KINDS(X)
#undef X
        "pair",
    kGoHeapKind, kGoroutineKind});

template <class... Arguments>
Error usage(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    return {ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Arguments>(arguments)...)};
}

std::string quoted(std::string_view text) { return '"' + printable(text) + '"'; }

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (size_t start = 0; start <= text.size();) {
        const size_t comma = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return parts;
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// A finite number and a unit of the table, multiplied. Sign allowed, so that the caller can say what is wrong with it.
std::optional<double> scaled(std::string_view text, std::span<const Unit> units) {
    double value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
    const std::string_view name(end, static_cast<size_t>(last - end));
    const auto unit = std::ranges::find(units, name, &Unit::name);
    if (unit == units.end()) return std::nullopt;
    return value * unit->factor;
}

}  // namespace

Result<std::vector<pid_t>> parse_pids(std::string_view text) {
    std::vector<pid_t> pids;
    for (const std::string_view part : split(text)) {
        const auto pid = whole_number<pid_t>(part);
        if (!pid || *pid <= 0 || *pid > kMaxPid) {
            return usage("{} is not a process ID: give -p a number, or several with commas between them (-p 4711,4712)",
                         quoted(part));
        }
        if (std::ranges::find(pids, *pid) == pids.end()) pids.push_back(*pid);
    }
    return pids;
}

Result<double> parse_interval_s(std::string_view text) {
    constexpr double kShortestS = 0.01;
    const auto seconds = scaled(text, kDurations);
    if (!seconds)
        return usage("{} is not an interval: give the seconds between two reports, for example 5 or 0.5", quoted(text));
    if (*seconds <= 0)
        return usage("an interval of {} is not possible: give more than zero seconds, for example 5 or 0.5",
                     printable(text));
    if (*seconds < kShortestS)
        return usage("an interval of {} is too short to report in: give at least 0.01 seconds", printable(text));
    if (*seconds > kYearS) return usage("an interval of {} is too long: give a year at most", printable(text));
    return *seconds;
}

Result<double> parse_duration_s(std::string_view name, std::string_view text, bool zero_allowed) {
    const auto seconds = scaled(text, kDurations);
    if (!seconds)
        return usage("{} is not a duration: give {} a number with a unit, for example 5s, 2m or 1h", quoted(text),
                     name);
    if (*seconds < 0 || (*seconds == 0 && !zero_allowed)) {
        return usage("{} {} is not possible: give a duration {}, for example 5s, 2m or 1h", name, printable(text),
                     zero_allowed ? "that is not negative" : "longer than zero");
    }
    if (*seconds > 100 * kYearS) return usage("{} {} is too long: give a hundred years at most", name, printable(text));
    return *seconds;
}

Result<uint64_t> parse_size_bytes(std::string_view name, std::string_view text) {
    constexpr double kLargest = 0x1p53;  // beyond it a double skips numbers
    std::string lower_case(text);
    std::ranges::transform(lower_case, lower_case.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const auto bytes = scaled(lower_case, kSizes);
    if (!bytes || *bytes < 0 || *bytes > kLargest) {
        return usage("{} is not a size: give {} a number of bytes, for example 512, 4k or 1M", quoted(text), name);
    }
    return static_cast<uint64_t>(*bytes);
}

Result<uint64_t> parse_positive_size_bytes(std::string_view name, std::string_view text) {
    WH_TRY(const uint64_t bytes, parse_size_bytes(name, text));
    if (bytes == 0) return usage("{} {} is passed from the start: give more than zero bytes", name, printable(text));
    return bytes;
}

Result<GrowthThreshold> parse_growth(std::string_view text) {
    constexpr const char* kName = "--on-growth";
    const size_t slash = text.find('/');
    GrowthThreshold growth;
    WH_TRY(growth.bytes, parse_positive_size_bytes(kName, text.substr(0, slash)));
    if (slash == std::string_view::npos) return growth;
    // "/min" is within one minute.
    const std::string_view time = text.substr(slash + 1);
    const bool is_unit = !time.empty() && (time[0] < '0' || time[0] > '9') && time[0] != '.' && time[0] != '-';
    WH_TRY(growth.window_s, parse_duration_s(kName, (is_unit ? "1" : "") + std::string(time), false));
    if (*growth.window_s < 1 || *growth.window_s > kYearS)
        return usage("{} counts within a second at least and a year at most: give for example 10M/min", kName);
    return growth;
}

Result<double> parse_part(std::string_view name, std::string_view text) {
    const auto percent = scaled(text.substr(0, text.size() - 1), kNoUnit);
    if (!percent || *percent <= 0 || *percent >= 100)
        return usage("{} is not possible for {}: give a part between 0% and 100%, for example 10%", quoted(text), name);
    return *percent / 100;
}

Result<uint64_t> parse_positive(std::string_view name, std::string_view text, uint64_t limit) {
    const auto number = whole_number<uint64_t>(text);
    if (!number || *number == 0 || *number > limit) {
        return usage("{} is not possible for {}: give a whole number from 1 to {}", quoted(text), name, limit);
    }
    return *number;
}

Result<std::vector<std::string>> parse_kinds(std::string_view text) {
    std::vector<std::string> kinds;
    for (const std::string_view part : split(text)) {
        if (std::ranges::find(kKinds, part) == kKinds.end()) {
            return usage("{} is not a kind: give --kind one or more of {}, with commas between them", quoted(part),
                         fmt::join(kKinds, ", "));
        }
        if (std::ranges::find(kinds, part) == kinds.end()) kinds.emplace_back(part);
    }
    return kinds;
}

}  // namespace whoholds
