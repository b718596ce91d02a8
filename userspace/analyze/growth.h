// Growth: how what is held moves, from samples taken at each report. A slope through the latest eight, null until there are enough
// of them; the difference of two points would be noise. Where reports come so often that eight of them are but a moment, in which
// a heap with a collector moves for its own reasons, neighbours are taken together: the slope is of some seconds at least. Of these the one
// with the least stands for all: a collector finds alive, besides what is, what was made while it looked.
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
    static Sample least(const Sample& a, const Sample& b);
    void make_room();

    static constexpr size_t kSamples = 8;
    std::array<Sample, kSamples> samples_{};  // each the least of those that were taken together
    size_t count_ = 0;                        // of these
    size_t taken_last_ = 0;                   // in the last of these
    size_t taken_together_ = 1;               // in each of the others
};

}  // namespace whoholds
