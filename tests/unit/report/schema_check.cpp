#include "unit/report/schema_check.h"

#include <algorithm>
#include <regex>

namespace whoholds {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return false;
}

class Checker {
public:
    Checker(const json& root, bool strict) : root_(root), strict_(strict) {}

    void check(const json& schema, const json& value, const std::string& place) {
        for (const auto& [keyword, rule] : schema.items()) {
            if (keyword == "$ref") {
                check(root_.at(json::json_pointer(rule.get<std::string>().substr(1))), value, place);
            } else if (keyword == "type") {
                const auto types =
                    rule.is_array() ? rule.get<std::vector<std::string>>() : std::vector{rule.get<std::string>()};
                expect(std::ranges::any_of(types, [&](const std::string& type) { return has_type(value, type); }),
                       place, "is not " + rule.dump());
            } else if (keyword == "const") {
                expect(value == rule, place, "is not " + rule.dump());
            } else if (keyword == "enum") {
                expect(std::ranges::find(rule, value) != rule.end(), place, "is not one of " + rule.dump());
            } else if (keyword == "minimum") {
                expect(!value.is_number() || value >= rule, place, "is below " + rule.dump());
            } else if (keyword == "pattern") {
                expect(!value.is_string() ||
                           std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>())),
                       place, "does not match");
            } else if (keyword == "items") {
                for (size_t i = 0; value.is_array() && i < value.size(); ++i)
                    check(rule, value[i], place + '/' + std::to_string(i));
            } else if (keyword == "required") {
                for (const auto& key : rule)
                    expect(!value.is_object() || value.contains(key.get<std::string>()), place, "lacks " + key.dump());
            } else if (keyword == "properties") {
                check_properties(schema, value, place);
            } else if (keyword == "additionalProperties") {
                for (const auto& [key, member] : value.items()) check(rule, member, place + '/' + key);
            } else if (keyword[0] != '$' && keyword != "title" && keyword != "description") {
                expect(false, place, "meets the unknown keyword " + keyword);
            }
        }
    }

    std::vector<std::string> errors;

private:
    void check_properties(const json& schema, const json& value, const std::string& place) {
        if (!value.is_object()) return;
        const json& properties = schema.at("properties");
        for (const auto& [key, member] : value.items()) {
            if (properties.contains(key)) {
                check(properties.at(key), member, place + '/' + key);
            } else {
                expect(!strict_, place, "has a key that the schema does not name: " + key);
            }
        }
    }

    void expect(bool holds, const std::string& place, const std::string& what) {
        if (!holds) errors.push_back(place + ": " + what);
    }

    const json& root_;
    bool strict_;
};

}  // namespace

std::vector<std::string> check_schema(const json& schema, const json& value, bool strict) {
    Checker checker(schema, strict);
    checker.check(schema, value, "");
    return checker.errors;
}

}  // namespace whoholds
