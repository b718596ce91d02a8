// The text that Prometheus scrapes: families of samples with their labels, in its own format or as OpenMetrics. Used by
// openmetrics.cpp. Invariant: all samples of a family stand together behind its type; label values are escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whoholds {

enum class ExpositionStyle : uint8_t { kOpenMetrics, kPrometheus };

using Labels = std::vector<std::pair<std::string_view, std::string>>;

class Exposition {
public:
    explicit Exposition(ExpositionStyle style) : style_(style) {}

    // Of the samples that follow. unit is "" or what the name ends with; that of a counter is given without "_total".
    // Nothing is written of a family without samples.
    void gauge(std::string_view name, std::string_view unit, std::string_view help);
    void counter(std::string_view name, std::string_view unit, std::string_view help);

    void sample(const Labels& labels, uint64_t value);
    void sample(const Labels& labels, double value);
    void sample(const Labels& labels, const std::optional<double>& value) {
        if (value) sample(labels, *value);
    }

    [[nodiscard]] std::string finish() &&;

private:
    void family(std::string_view name, std::string_view type, std::string_view unit, std::string_view help);
    void line(const Labels& labels, std::string_view value);

    ExpositionStyle style_;
    std::string text_;
    std::string heading_;  // of the family, until its first sample
    std::string name_;     // of its samples
};

}  // namespace whoholds
