// A checker for as much of JSON Schema as our own schema uses. An unknown keyword is an error, so that none is ignored.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace whoholds {

// What is wrong, one line each with its place: "/seq: is below 0". Keys that the schema does not name are wrong
// too when strict: the writer must not outgrow its schema.
std::vector<std::string> check_schema(const nlohmann::json& schema, const nlohmann::json& value, bool strict);

}  // namespace whoholds
