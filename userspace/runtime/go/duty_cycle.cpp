#include "runtime/go/duty_cycle.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr uint64_t kOnNs = 1'000'000'000;
constexpr double kLongestPauseNs = 60e9;

}  // namespace

DutyCycle::DutyCycle(double hit_ns, double budget, uint64_t now_ns)
    : hit_ns_(hit_ns), budget_(budget), began_ns_(now_ns), since_ns_(now_ns), until_ns_(now_ns + kOnNs) {}

bool DutyCycle::update(uint64_t hits, uint64_t now_ns) {
    if (now_ns < until_ns_) return is_on_;
    if (!is_on_) {
        is_on_ = true;
        since_ns_ = now_ns;
        hits_before_ = hits;
        until_ns_ = now_ns + kOnNs;
        return true;
    }
    const auto elapsed = static_cast<double>(now_ns - since_ns_);
    hits_per_s_ = static_cast<double>(hits - std::min(hits, hits_before_)) / elapsed * 1e9;
    hits_before_ = hits;
    on_ns_ += now_ns - since_ns_;
    since_ns_ = now_ns;
    const double cost = hits_per_s_ * hit_ns_ / 1e9;  // of a core
    is_on_ = cost <= budget_;
    until_ns_ = now_ns + kOnNs;
    if (!is_on_) until_ns_ = now_ns + static_cast<uint64_t>(std::min(elapsed * (cost / budget_ - 1), kLongestPauseNs));
    return is_on_;
}

double DutyCycle::on_share(uint64_t now_ns) const {
    const uint64_t in_all = now_ns - std::min(began_ns_, now_ns);
    if (in_all == 0) return 1;
    const uint64_t on = on_ns_ + (is_on_ ? now_ns - std::min(since_ns_, now_ns) : 0);
    return std::min(1.0, static_cast<double>(on) / static_cast<double>(in_all));
}

}  // namespace whoholds
