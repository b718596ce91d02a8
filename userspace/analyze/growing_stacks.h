// Which stacks of a process hold more and more, and how much of the evidence for a leak is there. The first step of finding out
// what is to blame (suspects.h is the second). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/history.h"
#include "analyze/survival.h"
#include "analyze/trend.h"
#include "report/report.h"

namespace whoholds {

// kFollows: memory that grew and was not given back, but that by itself proves nothing.
// kLeaks: it grows steadily, of each slice of time something is held, and nothing that became old was given back.
enum class Evidence : uint8_t { kFollows, kGrows, kLeaks };

struct GrowingStack {
    const StackReport* stack = nullptr;
    std::vector<const StackReport*> also;  // rows that belong to it, but for what is not known of their lines
    Evidence evidence = Evidence::kGrows;
    std::optional<Trend> counts;  // where these grow
    std::optional<Trend> bytes;   // likewise
    bool is_of_old = false;       // the trends are those of what is held for longer than History::kOldS
    std::optional<Survival> survival;
    std::optional<Trend> stay;              // of what is given back: how long it is held, where that grows
    size_t headline = 0;                    // index of the frame to look at
    bool is_users_code = false;             // that frame
    const Frame* keeper = nullptr;          // who calls the frame to look at, if what it allocates itself stays as well
    const Frame* made_at = nullptr;         // where most of it is made, if that frame is of what keeps it
    const KeeperReport* kept_at = nullptr;  // in the function of that frame: the line to look at

    [[nodiscard]] double count_per_min() const { return counts ? counts->per_s * 60 : 0; }
    [[nodiscard]] double bytes_per_min() const { return bytes ? bytes->per_s * 60 : 0; }
};

// With the line to look at.
inline const Frame& frame_to_name(const GrowingStack& growing) {
    return growing.kept_at != nullptr ? growing.kept_at->line : growing.stack->frames[growing.headline];
}

// Held and growth a minute of two things: so many that it is no chance, at the same pace.
bool are_as_many(uint64_t held_a, double per_min_a, uint64_t held_b, double per_min_b);

// Memory that Python's interpreter takes for many small objects at once: the line is that of the one for which there was no room.
bool is_sample_of_memory(const StackReport& stack);

// What a collector (of JavaScript, Java, .NET) took for its heap: it grows until it collects, whoever is to blame.
bool is_of_collector(const StackReport& stack, std::string_view exe);

// In the order of the report; behind them, if there are any, those that follow. time_s: of the last look of the history.
std::vector<GrowingStack> growing_stacks(const ProcessReport& process, const History& history, double time_s);

}  // namespace whoholds
