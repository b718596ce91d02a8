// All that is read of a Go process for one report. Used by the session, which shows it through analyze/go_rows.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/go/goroutines.h"
#include "runtime/go/heap_profile.h"
#include "runtime/go/runtime_facts.h"

namespace whoholds {

// When the heap is looked through by type: each time, or so seldom that it takes little of the time.
enum class GoTypesWanted : uint8_t { kNever, kNowAndThen, kAlways };

// Which of the kinds of Go are wanted; the runtime's facts cost next to nothing and are always read.
struct GoWanted {
    bool heap = true;
    bool goroutines = true;
    GoTypesWanted types = GoTypesWanted::kNowAndThen;
    bool descriptors = false;             // who holds those from before the attach
    std::vector<std::string> holders_of;  // types of which the user wants to know who holds them
    [[nodiscard]] bool any() const { return heap || goroutines; }
};

struct GoReadings {
    std::optional<GoRuntimeFacts> facts;
    std::optional<GoHeapProfile> heap;
    std::optional<GoroutineSnapshot> goroutines;
    std::vector<std::string> problems;  // why one of these is missing, a sentence each
};

// pause() is called between parts, each of which takes some milliseconds, with many goroutines more.
GoReadings read_go(const GoProcess& process, const GoWanted& wanted, const std::function<void()>& pause);

}  // namespace whoholds
