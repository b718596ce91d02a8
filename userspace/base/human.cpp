#include "base/human.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <string_view>

namespace whoholds {
namespace {

constexpr std::array<std::string_view, 7> kByteUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::array<std::string_view, 7> kCountUnits = {"", "k", "M", "G", "T", "P", "E"};
constexpr std::string_view kNotAvailable = "n/a";

struct Scaled {
    double value = 0;
    size_t unit = 0;
};

// Moves to the next unit already when rounding to the given decimals would show "1024.0".
Scaled scale(double value, double base, double step, size_t unit_count) {
    Scaled scaled{value, 0};
    while (scaled.unit + 1 < unit_count && std::round(scaled.value * step) / step >= base) {
        scaled.value /= base;
        ++scaled.unit;
    }
    return scaled;
}

int decimals_of_three_digits(double value) { return value < 9.995 ? 2 : 1; }

std::string group_thousands(uint64_t count) {
    std::string digits = std::to_string(count);
    for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

}  // namespace

std::string human_bytes(uint64_t bytes) {
    if (bytes < 1024) return exact_count(bytes) + " B";

    size_t unit = 1;
    while (unit + 1 < kByteUnits.size() && bytes >> (10 * (unit + 1)) != 0) ++unit;
    const uint64_t one_unit = uint64_t{1} << (10 * unit);
    if (bytes % one_unit == 0) return fmt::format("{} {}", exact_count(bytes / one_unit), kByteUnits[unit]);

    const Scaled scaled = scale(static_cast<double>(bytes), 1024, 10, kByteUnits.size());
    return fmt::format("{:.{}f} {}", scaled.value, decimals_of_three_digits(scaled.value), kByteUnits[scaled.unit]);
}

std::string human_signed_bytes(double bytes) {
    if (!std::isfinite(bytes)) return std::string(kNotAvailable);
    const std::string_view sign = bytes < 0 ? "-" : "+";
    const double size = std::round(std::fabs(bytes));
    if (size == 0) return "0 B";
    if (size < 1024) return fmt::format("{}{} B", sign, exact_count(static_cast<uint64_t>(size)));

    const Scaled scaled = scale(size, 1024, 10, kByteUnits.size());
    return fmt::format("{}{:.1f} {}", sign, scaled.value, kByteUnits[scaled.unit]);
}

std::string exact_count(uint64_t count) { return group_thousands(count); }

std::string human_count(uint64_t count) {
    if (count <= 9'999'999) return group_thousands(count);
    const Scaled scaled = scale(static_cast<double>(count), 1000, 1, kCountUnits.size());
    int decimals = decimals_of_three_digits(scaled.value);
    if (scaled.value >= 99.95) decimals = 0;
    return fmt::format("{:.{}f} {}", scaled.value, decimals, kCountUnits[scaled.unit]);
}

std::string human_signed_count(double count) {
    if (!std::isfinite(count)) return std::string(kNotAvailable);
    const std::string_view sign = count < 0 ? "-" : "+";
    const double size = std::fabs(count);
    if (size >= 1e15) return fmt::format("{}{:.2e}", sign, size);

    const double tenths = std::round(size * 10) / 10;
    if (tenths == 0) return "0";
    if (tenths < 10 && tenths != std::floor(tenths)) return fmt::format("{}{:.1f}", sign, tenths);
    return fmt::format("{}{}", sign, group_thousands(static_cast<uint64_t>(std::llround(size))));
}

std::string human_age(double seconds) {
    if (!std::isfinite(seconds)) return std::string(kNotAvailable);
    if (seconds <= 0) return "0 ms";
    if (seconds < 1) return fmt::format("{} ms", static_cast<int>(seconds * 1000));
    if (seconds < 10) {
        const auto tenths = static_cast<int>(seconds * 10);
        return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
    }
    if (seconds < 120) return fmt::format("{} s", static_cast<int>(seconds));
    if (seconds >= 1e15) return fmt::format("{:.2e} s", seconds);

    const auto minutes = static_cast<uint64_t>(seconds / 60);
    if (minutes < 120) return fmt::format("{} min", minutes);
    const uint64_t hours = minutes / 60;
    if (hours < 48) {
        return minutes % 60 == 0 ? fmt::format("{} h", hours) : fmt::format("{} h {} min", hours, minutes % 60);
    }
    const std::string days = group_thousands(hours / 24);
    constexpr uint64_t kManyDays = 30;
    return hours % 24 == 0 || hours / 24 >= kManyDays ? fmt::format("{} d", days)
                                                      : fmt::format("{} d {} h", days, hours % 24);
}

std::string iso8601_utc(int64_t unix_ns) {
    using std::chrono::floor;
    const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds{unix_ns}};
    const auto day = floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{floor<std::chrono::milliseconds>(time - day)};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace whoholds
