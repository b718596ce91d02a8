// When a limit is reached if what grows goes on as it did. Used by findings.h and for the head of a report. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analyze/history.h"
#include "analyze/trend.h"
#include "report/report.h"

namespace whoholds {

// Which limit resources of a kind use up; what is in no row of the table in forecast.cpp is memory.
enum class UsesUp : uint8_t { kMemory, kDescriptors, kThreads, kThreadStacks, kNothing };
UsesUp uses_up(std::string_view kind);

// nullopt: it does not rise, the limit is passed already, or more than ten years off.
std::optional<Forecast> forecast_of(std::string limit, uint64_t limit_value, uint64_t now_value, const Trend& trend);

// Of the process as a whole, by the limit that is reached first of those that this kind of resource uses up. grows_by: what of it
// is known to grow, for the case that the whole cannot be told from noise.
std::optional<Forecast> memory_forecast(const ProcessReport& process, const History& history,
                                        const std::optional<Trend>& grows_by);
std::optional<Forecast> descriptor_forecast(const ProcessReport& process, const Trend& trend);
std::optional<Forecast> thread_forecast(const ProcessReport& process, const Trend& trend);

}  // namespace whoholds
