// The values on the command line: one function per type, each failing with a sentence that says what to give instead.
// `name` is how the user knows the value: "--top", "INTERVAL".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace whoholds {

// "4711", "4711,4712": each once, in the order given.
Result<std::vector<pid_t>> parse_pids(std::string_view text);
// Seconds between reports: 0.01 to one year, fractions allowed.
Result<double> parse_interval_s(std::string_view text);
// "5s", "500ms", "2m", "1h", "1d", "1.5" (seconds). Zero is allowed where the caller says so.
Result<double> parse_duration_s(std::string_view name, std::string_view text, bool zero_allowed);
// "4096", "4k", "1M", "2GiB": powers of 1024.
Result<uint64_t> parse_size_bytes(std::string_view name, std::string_view text);
Result<uint64_t> parse_positive_size_bytes(std::string_view name, std::string_view text);
// "100M"; "10M/min", "1G/6h": within that time.
struct GrowthThreshold {
    uint64_t bytes = 0;
    std::optional<double> window_s;
};
Result<GrowthThreshold> parse_growth(std::string_view text);
// "10%" is 0.1: above 0 and below 100.
Result<double> parse_part(std::string_view name, std::string_view text);
// A whole number from 1 to limit.
Result<uint64_t> parse_positive(std::string_view name, std::string_view text, uint64_t limit);
// "heap,mapping": JSON names of resource_kinds.h, "pair" for all pairs that the user names, and the kinds of Go.
Result<std::vector<std::string>> parse_kinds(std::string_view text);

}  // namespace whoholds
