// DutyCycle: when probes that cost too much are to be there, and when not, so that on average they cost no more than a share of a
// core. Used by GoSampling. Pure: time and hits are passed in.
#pragma once

#include <cstdint>

namespace whoholds {

// What the user wants.
enum class GoSamplesMode : uint8_t {
    kAuto,  // of programs without a heap profile, within the budget
    kOn,    // of these, without a pause
    kOff,
};

class DutyCycle {
public:
    // hit_ns: what a hit costs the target. budget: the share of one core; at least 1: no pauses.
    DutyCycle(double hit_ns, double budget, uint64_t now_ns);

    // Whether the probes are to be there from now on; hits: ever.
    bool update(uint64_t hits, uint64_t now_ns);
    [[nodiscard]] bool is_on() const { return is_on_; }
    [[nodiscard]] double on_share(uint64_t now_ns) const;
    [[nodiscard]] double hits_per_s() const { return hits_per_s_; }

private:
    double hit_ns_;
    double budget_;
    bool is_on_ = true;
    uint64_t began_ns_;
    uint64_t since_ns_;  // it is on, or off
    uint64_t until_ns_;
    uint64_t hits_before_ = 0;
    uint64_t on_ns_ = 0;  // in all, before `since`
    double hits_per_s_ = 0;
};

}  // namespace whoholds
