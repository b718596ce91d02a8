#include "analyze/growth.h"

#include <algorithm>
#include <utility>

namespace whoholds {

GrowthSeries::Sample GrowthSeries::least(const Sample& a, const Sample& b) {
    return std::pair(b.bytes, b.count) < std::pair(a.bytes, a.count) ? b : a;
}

void GrowthSeries::make_room() {
    constexpr double kShortestS = 7;
    if (samples_[kSamples - 1].time_s - samples_[0].time_s >= kShortestS) {
        std::shift_left(samples_.begin(), samples_.end(), 1);
        count_ = kSamples - 1;
        return;
    }
    for (size_t i = 0; i < kSamples / 2; i++) samples_[i] = least(samples_[2 * i], samples_[2 * i + 1]);
    count_ = kSamples / 2;
    taken_together_ *= 2;
}

void GrowthSeries::add(double time_s, const Amount& held) {
    const Sample now{time_s, static_cast<double>(held.count), static_cast<double>(held.bytes)};
    if (count_ > 0 && taken_last_ < taken_together_) {
        samples_[count_ - 1] = least(samples_[count_ - 1], now);
        taken_last_++;
        return;
    }
    if (count_ == kSamples) make_room();
    samples_[count_++] = now;
    taken_last_ = 1;
}

std::optional<Rate> GrowthSeries::per_minute() const {
    if (count_ < 3) return std::nullopt;
    double time = 0, count = 0, bytes = 0;
    for (size_t i = 0; i < count_; i++) {
        time += samples_[i].time_s;
        count += samples_[i].count;
        bytes += samples_[i].bytes;
    }
    const auto size = static_cast<double>(count_);
    time /= size, count /= size, bytes /= size;
    double spread = 0, with_count = 0, with_bytes = 0;
    for (size_t i = 0; i < count_; i++) {
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
