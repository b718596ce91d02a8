// Profile: what is held at one moment, as plain numbers. Made by the Aggregator, turned into a Report later.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct StackInfo {
    uint64_t hash = 0;
    uint32_t status = 0;           // wh_stack_status
    uint32_t layout = 0;           // of the process's code when the stack was taken
    std::vector<uint64_t> frames;  // innermost first; WH_FRAME_EXACT marks interrupted ones
};

struct ProfileFilter {  // of the blocks that stacks are credited with; totals of kinds are never filtered
    uint64_t min_age_ns = 0;
    uint64_t min_size_bytes = 0;
    [[nodiscard]] bool passes(uint64_t age_ns, uint64_t size_bytes) const {
        return age_ns >= min_age_ns && size_bytes >= min_size_bytes;
    }
};

struct ProfileStack {
    uint32_t stack = 0;
    uint16_t process = 0;
    uint8_t kind = 0;
    Amount held;      // that passes the filter
    Amount all_held;  // whatever the filter
    Amount before;    // there before we attached; acquired + before = released + held + lost
    Amount acquired;
    Amount released;
    Amount lost;
    uint64_t oldest_ns = std::numeric_limits<uint64_t>::max();  // time of acquisition; max: nothing held
};

// Equally long pieces of time, one after the other.
struct TimeSlices {
    uint64_t start_ns = 0;
    uint64_t width_ns = 1;
    size_t count = 0;
};

struct GroupAges {
    std::optional<uint64_t> median_ns;    // none: nothing is held
    std::vector<uint64_t> held_by_slice;  // how much was acquired in each slice of time
};

struct ProfileKind {
    uint16_t process = 0;
    uint8_t kind = 0;
    Amount held;
    Amount before;
    Amount acquired;
    Amount released;
    Amount lost;
    uint64_t released_unknown = 0;
    uint64_t oldest_ns = std::numeric_limits<uint64_t>::max();
};

struct Profile {
    std::vector<ProfileKind> kinds;    // by process, then kind
    std::vector<ProfileStack> stacks;  // those that ever acquired, in order of index
};

}  // namespace whoholds
