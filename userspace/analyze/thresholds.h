// Thresholds of memory that a report is written at when they are passed, and who watches one process for them. Used by the session,
// at some Hz. Pure: what was read and the time are passed in.
// Invariant: a threshold is told once when it is passed, and again only after the process was clearly on the other side of it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "proc/memory_headroom.h"

namespace whoholds {

struct Thresholds {
    struct Pace {
        uint64_t bytes = 0;
        double window_s = 0;
    };
    std::optional<uint64_t> rss_bytes;        // RSS is that much
    std::optional<uint64_t> growth_bytes;     // ... that much more than at the attach
    std::optional<Pace> pace;                 // ... that much more than a window of time ago
    std::optional<double> part_left;          // that part of a limit is left, or less
    std::optional<uint64_t> room_left_bytes;  // or that much

    [[nodiscard]] bool watches_rss() const { return rss_bytes || growth_bytes || pace; }
    [[nodiscard]] bool watches_headroom() const { return part_left || room_left_bytes; }
    [[nodiscard]] bool any() const { return watches_rss() || watches_headroom(); }
};

class ThresholdWatch {
public:
    // What was passed since the last look, a sentence each. What could not be read is nullopt.
    std::vector<std::string> look(const Thresholds& thresholds, double time_s, std::optional<uint64_t> rss_bytes,
                                  const std::optional<MemoryHeadroom>& headroom);

private:
    class Crossing {
    public:
        // Whether it has just been passed. is_back: clearly on this side of it.
        bool passed(bool is_beyond, bool is_back);

    private:
        bool is_told_ = false;
    };
    struct Look {
        double time_s = 0;
        uint64_t rss_bytes = 0;
    };

    void look_at_rss(const Thresholds& thresholds, double time_s, uint64_t rss_bytes, std::vector<std::string>& told);
    void look_at_pace(const Thresholds::Pace& pace, double time_s, uint64_t rss_bytes, std::vector<std::string>& told);
    void look_at_headroom(const Thresholds& thresholds, const MemoryHeadroom& headroom, std::vector<std::string>& told);

    std::optional<uint64_t> first_rss_bytes_;
    std::deque<Look> window_;  // at most some hundred, however long it is
    Crossing rss_, growth_, pace_, headroom_;
};

}  // namespace whoholds
