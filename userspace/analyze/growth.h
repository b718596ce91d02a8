// Growth: how what is held moves, from samples taken at each report. A slope through the latest samples, null until there are
// enough of them; the difference of two points would be noise.
// Used by the report builder. Pure: time is passed in.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "report/report.h"

namespace whoholds {

class GrowthSeries {
public:
    void add(double time_s, const Amount& held);
    // Least-squares slope per minute; nullopt with fewer than three samples.
    [[nodiscard]] std::optional<Rate> per_minute() const;

private:
    struct Sample {
        double time_s = 0;
        double count = 0;
        double bytes = 0;
    };
    static constexpr size_t kSamples = 8;
    std::array<Sample, kSamples> samples_{};
    size_t count_ = 0;  // ever added
};

}  // namespace whoholds
