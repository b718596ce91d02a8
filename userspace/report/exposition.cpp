#include "report/exposition.h"

#include <fmt/format.h>

#include <cmath>

#include "base/printable.h"

namespace whoholds {
namespace {

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : printable(value)) {
        if (c == '\\' || c == '"') text += '\\';
        text += c;
    }
    return text;
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view unit, std::string_view help) {
    const bool is_counter = type == "counter";
    name_ = std::string(name) + (is_counter ? "_total" : "");
    // OpenMetrics names the family of a counter without the ending that its samples have.
    const std::string_view named = style_ == ExpositionStyle::kPrometheus ? std::string_view(name_) : name;
    heading_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", named, help, named, type);
    if (style_ == ExpositionStyle::kOpenMetrics && !unit.empty())
        heading_ += fmt::format("# UNIT {} {}\n", named, unit);
}

void Exposition::gauge(std::string_view name, std::string_view unit, std::string_view help) {
    family(name, "gauge", unit, help);
}

void Exposition::counter(std::string_view name, std::string_view unit, std::string_view help) {
    family(name, "counter", unit, help);
}

void Exposition::line(const Labels& labels, std::string_view value) {
    text_ += heading_;
    heading_.clear();
    text_ += name_;
    char separator = '{';
    for (const auto& [name, label] : labels) {
        text_ += fmt::format("{}{}=\"{}\"", separator, name, escaped(label));
        separator = ',';
    }
    if (!labels.empty()) text_ += '}';
    text_ += fmt::format(" {}\n", value);
}

void Exposition::sample(const Labels& labels, uint64_t value) { line(labels, fmt::format("{}", value)); }

void Exposition::sample(const Labels& labels, double value) {
    if (std::isnan(value)) return;
    line(labels, std::isinf(value) ? (value > 0 ? "+Inf" : "-Inf") : fmt::format("{}", value));
}

std::string Exposition::finish() && {
    if (style_ == ExpositionStyle::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
}

}  // namespace whoholds
