#include "proc/system.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/printable.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxSmallFileBytes = size_t{64} << 10;
constexpr size_t kMaxSystemStatBytes = size_t{16} << 20;  // has a line for each processor and interrupt

Error malformed(std::string_view what, std::string_view text) {
    return {ErrorCode::kMalformed, std::string(what) + ": \"" + printable(trim_blanks(text.substr(0, 80))) + "\""};
}

// The number at the start of text, cut off.
std::optional<uint32_t> cut_leading_number(std::string_view& text) {
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return value;
}

bool cut_dot(std::string_view& text) {
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

Result<KernelRelease> parse_kernel_release(std::string_view text) {
    std::string_view rest = text;
    const auto major = cut_leading_number(rest);
    if (!major || !cut_dot(rest)) return malformed("kernel release", text);
    const auto minor = cut_leading_number(rest);
    if (!minor) return malformed("kernel release", text);

    KernelRelease release{*major, *minor, 0};
    if (cut_dot(rest)) release.patch = cut_leading_number(rest).value_or(0);
    return release;
}

Result<KernelRelease> read_kernel_release(const ProcRoot& root) {
    WH_TRY(const std::string text, read_file_bounded(root.path + "/sys/kernel/osrelease", kMaxSmallFileBytes));
    return parse_kernel_release(text);
}

bool has_btf(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), R_OK) == 0;
}

uint64_t clock_ticks_per_second() {
    const long ticks = ::sysconf(_SC_CLK_TCK);
    return ticks > 0 ? static_cast<uint64_t>(ticks) : 100;
}

Result<double> read_system_uptime_s(const ProcRoot& root) {
    WH_TRY(const std::string text, read_file_bounded(root.path + "/uptime", kMaxSmallFileBytes));
    std::string_view rest = text;
    const std::string_view field = trim_blanks(cut_field(rest));
    double seconds = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), seconds);
    const bool whole = error == std::errc{} && end == field.data() + field.size();
    if (!whole || !std::isfinite(seconds) || seconds < 0) return malformed("uptime", text);
    return seconds;
}

Result<int64_t> read_boot_time_s(const ProcRoot& root) {
    WH_TRY(const std::string text, read_file_bounded(root.path + "/stat", kMaxSystemStatBytes));
    std::string_view rest = text;
    while (!rest.empty()) {
        std::string_view line = cut_line(rest);
        if (cut_field(line) != "btime") continue;
        const auto seconds = parse_number<int64_t>(trim_blanks(line));
        if (!seconds || *seconds < 0) return malformed("btime", line);
        return *seconds;
    }
    return Error{ErrorCode::kMalformed, root.path + "/stat: no btime"};
}

Result<int64_t> read_start_time_unix_ns(const ProcRoot& root, const ProcessStatus& status) {
    constexpr int64_t kNsPerSecond = 1'000'000'000;
    constexpr int64_t kLastSecond = INT64_MAX / kNsPerSecond / 2;
    WH_TRY(const int64_t boot_s, read_boot_time_s(root));
    const uint64_t ticks_per_s = clock_ticks_per_second();
    const uint64_t whole_s = status.start_ticks / ticks_per_s;
    if (boot_s > kLastSecond || whole_s > static_cast<uint64_t>(kLastSecond)) {
        return Error{ErrorCode::kMalformed, "start time: out of range"};
    }
    const auto rest_ns = static_cast<int64_t>(status.start_ticks % ticks_per_s * kNsPerSecond / ticks_per_s);
    return (boot_s + static_cast<int64_t>(whole_s)) * kNsPerSecond + rest_ns;
}

Result<double> read_uptime_s(const ProcRoot& root, const ProcessStatus& status) {
    WH_TRY(const double system_s, read_system_uptime_s(root));
    const double started_s = static_cast<double>(status.start_ticks) / static_cast<double>(clock_ticks_per_second());
    // The two clocks are rounded differently, a process of this moment may seem to come from the future.
    return system_s > started_s ? system_s - started_s : 0.0;
}

Result<uint32_t> parse_cpu_count(std::string_view list) {
    constexpr uint32_t kMaxCpus = 1U << 20;
    std::string_view rest = trim_blanks(list);
    uint32_t count = 0;
    while (!rest.empty()) {
        std::string_view range = cut_until(rest, ',');
        const bool is_single = range.find('-') == std::string_view::npos;
        const auto first = parse_number<uint32_t>(cut_until(range, '-'));
        const auto last = is_single ? first : parse_number<uint32_t>(range);
        if (!first || !last || *last < *first || *last >= kMaxCpus) return malformed("list of processors", list);
        count += *last - *first + 1;
        if (count > kMaxCpus) return malformed("list of processors", list);
    }
    if (count == 0) return malformed("list of processors", list);
    return count;
}

Result<uint32_t> read_online_cpu_count(const std::string& path) {
    WH_TRY(const std::string text, read_file_bounded(path, kMaxSmallFileBytes));
    return parse_cpu_count(text);
}

}  // namespace whoholds
