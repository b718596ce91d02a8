#include "runtime/go/duty_cycle.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr double kSavedNs = 1e9;  // so much time's budget at most
constexpr double kLongestPauseNs = 60e9;

}  // namespace

DutyCycle::DutyCycle(double budget, uint64_t now_ns)
    : budget_(budget), began_ns_(now_ns), since_ns_(now_ns), updated_ns_(now_ns), saved_ns_(most_saved_ns()) {}

double DutyCycle::most_saved_ns() const { return budget_ * kSavedNs; }

void DutyCycle::choose_resumption() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    constexpr double kLeast = 0.2;
    constexpr uint64_t kSteps = 1024;
    const double part = static_cast<double>(random_ % kSteps) / kSteps;
    resume_at_ns_ = most_saved_ns() * (kLeast + (1 - kLeast) * part);
}

bool DutyCycle::update(double spent_ns, uint64_t now_ns) {
    if (budget_ >= 1) return true;
    const double earned = budget_ * static_cast<double>(now_ns - std::min(updated_ns_, now_ns));
    saved_ns_ = std::min(saved_ns_ + earned, most_saved_ns()) - std::max(spent_ns - spent_ns_, 0.0);
    saved_ns_ = std::max(saved_ns_, -budget_ * kLongestPauseNs);
    spent_ns_ = spent_ns;
    updated_ns_ = now_ns;
    const bool changes = is_on_ ? saved_ns_ < 0 : saved_ns_ >= resume_at_ns_;
    if (!changes) return is_on_;
    if (is_on_) {
        on_ns_ += now_ns - std::min(since_ns_, now_ns);
        choose_resumption();
    }
    is_on_ = !is_on_;
    since_ns_ = now_ns;
    return is_on_;
}

double DutyCycle::on_share(uint64_t now_ns) const {
    const uint64_t in_all = now_ns - std::min(began_ns_, now_ns);
    if (in_all == 0) return 1;
    const uint64_t on = on_ns_ + (is_on_ ? now_ns - std::min(since_ns_, now_ns) : 0);
    return std::min(1.0, static_cast<double>(on) / static_cast<double>(in_all));
}

}  // namespace whoholds
