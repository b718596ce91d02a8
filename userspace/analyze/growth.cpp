#include "analyze/growth.h"

#include <algorithm>

namespace whoholds {

void GrowthSeries::add(double time_s, const Amount& held) {
    samples_[count_ % kSamples] = {time_s, static_cast<double>(held.count), static_cast<double>(held.bytes)};
    count_++;
}

std::optional<Rate> GrowthSeries::per_minute() const {
    size_t n = std::min(count_, kSamples);
    if (n < 3) return std::nullopt;
    double time = 0, count = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        time += samples_[i].time_s;
        count += samples_[i].count;
        bytes += samples_[i].bytes;
    }
    const auto size = static_cast<double>(n);
    time /= size, count /= size, bytes /= size;
    double spread = 0, with_count = 0, with_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        double from_mean = samples_[i].time_s - time;
        spread += from_mean * from_mean;
        with_count += from_mean * (samples_[i].count - count);
        with_bytes += from_mean * (samples_[i].bytes - bytes);
    }
    if (spread <= 0) return std::nullopt;
    constexpr double kSecondsPerMinute = 60;
    return Rate{with_count / spread * kSecondsPerMinute, with_bytes / spread * kSecondsPerMinute};
}

}  // namespace whoholds
