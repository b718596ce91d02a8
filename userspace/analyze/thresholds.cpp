#include "analyze/thresholds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/human.h"

namespace whoholds {
namespace {

constexpr double kBack = 0.95;  // of a size
constexpr double kBackOfGrowth = 0.8;
constexpr double kBackOfRoom = 1.25;
constexpr double kLooksInWindow = 240;

bool is_below(uint64_t value, double part, uint64_t limit) {
    return static_cast<double>(value) < part * static_cast<double>(limit);
}

uint64_t grown(uint64_t from, uint64_t to) { return to > from ? to - from : 0; }

}  // namespace

bool ThresholdWatch::Crossing::passed(bool is_beyond, bool is_back) {
    if (is_back) is_told_ = false;
    return is_beyond && !std::exchange(is_told_, true);
}

void ThresholdWatch::look_at_pace(const Thresholds::Pace& pace, double time_s, uint64_t rss_bytes,
                                  std::vector<std::string>& told) {
    if (window_.empty() || time_s - window_.back().time_s >= pace.window_s / kLooksInWindow)
        window_.push_back({time_s, rss_bytes});
    while (window_.size() > 1 && window_[1].time_s <= time_s - pace.window_s) window_.pop_front();
    const uint64_t more = grown(window_.front().rss_bytes, rss_bytes);
    if (!pace_.passed(more >= pace.bytes, is_below(more, kBackOfGrowth, pace.bytes))) return;
    told.push_back(fmt::format("RSS has grown by {} within {}, to {} (--on-growth {} within {})", human_bytes(more),
                               human_age(std::min(time_s - window_.front().time_s, pace.window_s)),
                               human_bytes(rss_bytes), human_bytes(pace.bytes), human_age(pace.window_s)));
}

void ThresholdWatch::look_at_rss(const Thresholds& thresholds, double time_s, uint64_t rss_bytes,
                                 std::vector<std::string>& told) {
    if (const auto& limit = thresholds.rss_bytes;
        limit && rss_.passed(rss_bytes >= *limit, is_below(rss_bytes, kBack, *limit)))
        told.push_back(fmt::format("RSS is {} (--on-rss {})", human_bytes(rss_bytes), human_bytes(*limit)));
    if (!first_rss_bytes_) first_rss_bytes_ = rss_bytes;
    const uint64_t more = grown(*first_rss_bytes_, rss_bytes);
    if (const auto& limit = thresholds.growth_bytes;
        limit && growth_.passed(more >= *limit, is_below(more, kBackOfGrowth, *limit)))
        told.push_back(fmt::format("RSS has grown by {} since the attach, to {} (--on-growth {})", human_bytes(more),
                                   human_bytes(rss_bytes), human_bytes(*limit)));
    if (thresholds.pace) look_at_pace(*thresholds.pace, time_s, rss_bytes, told);
}

void ThresholdWatch::look_at_headroom(const Thresholds& thresholds, const MemoryHeadroom& headroom,
                                      std::vector<std::string>& told) {
    const double part = static_cast<double>(headroom.left_bytes) / static_cast<double>(headroom.limit_bytes);
    bool is_near = false;
    bool is_back = true;
    std::string threshold;
    if (thresholds.part_left) {
        is_near |= part <= *thresholds.part_left;
        is_back &= part > *thresholds.part_left * kBackOfRoom;
        threshold = fmt::format("{:.3g}%", *thresholds.part_left * 100);
    }
    if (thresholds.room_left_bytes) {
        is_near |= headroom.left_bytes <= *thresholds.room_left_bytes;
        is_back &= !is_below(headroom.left_bytes, kBackOfRoom, *thresholds.room_left_bytes);
        threshold = human_bytes(*thresholds.room_left_bytes);
    }
    if (!headroom_.passed(is_near, is_back)) return;
    told.push_back(fmt::format(
        "{} of {} ({}) are left, {:.2g} %, beside what the kernel can give back (--on-oom-near {})",
        human_bytes(headroom.left_bytes), human_bytes(headroom.limit_bytes), headroom.source, part * 100, threshold));
}

std::vector<std::string> ThresholdWatch::look(const Thresholds& thresholds, double time_s,
                                              std::optional<uint64_t> rss_bytes,
                                              const std::optional<MemoryHeadroom>& headroom) {
    std::vector<std::string> told;
    if (rss_bytes) look_at_rss(thresholds, time_s, *rss_bytes, told);
    if (headroom && thresholds.watches_headroom()) look_at_headroom(thresholds, *headroom, told);
    return told;
}

}  // namespace whoholds
