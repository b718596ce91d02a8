// What was suppressed, in words for people and as JSON. Used by the formats and by differences.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "report/report.h"

namespace whoholds {

// "3 stacks (12 KiB native heap, 4 connections) and 1 finding, by 2 of 4 suppressions; never matched: leak:old_cache"
std::string suppressed_words(const SuppressedReport& suppressed);
nlohmann::ordered_json suppressed_as_json(const SuppressedReport& suppressed);

}  // namespace whoholds
