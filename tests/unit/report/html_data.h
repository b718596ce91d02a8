// The report that an HTML page has in it. Used by tests of formats.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace whoholds {

nlohmann::ordered_json html_data(const std::string& page);  // null if there is none

}  // namespace whoholds
