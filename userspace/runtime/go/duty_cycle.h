// DutyCycle: when probes that cost too much are to be there, and when not, so that over any few seconds they cost no more than a
// share of a core. Used by GoSampling. Pure: time and cost are passed in.
// What they may cost is saved up, to a bound; they go when it is spent, and come back when some is there again: how much differs
// each time, so that they do not keep step with what the program does.
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
    // budget: the share of one core; at least 1: no pauses.
    DutyCycle(double budget, uint64_t now_ns);

    // Whether the probes are to be there from now on; spent_ns: what they have cost, ever.
    bool update(double spent_ns, uint64_t now_ns);
    [[nodiscard]] bool is_on() const { return is_on_; }
    [[nodiscard]] double on_share(uint64_t now_ns) const;

private:
    [[nodiscard]] double most_saved_ns() const;
    void choose_resumption();

    double budget_;
    bool is_on_ = true;
    uint64_t began_ns_;
    uint64_t since_ns_;  // it is on, or off
    uint64_t updated_ns_;
    double spent_ns_ = 0;
    double saved_ns_;
    double resume_at_ns_ = 0;
    uint64_t random_ = 0x9e3779b97f4a7c15;
    uint64_t on_ns_ = 0;  // in all, before `since`
};

}  // namespace whoholds
