// GoLedger: what a Go process held at each look, and what came and went in between: the numbers of the kinds go_heap and
// goroutine, by stack. Kept from look to look, for growth. Used by GoRows. Pure: readings and time are passed in.
// Invariant: for each row and in all, held = before + acquired - released. Goroutines are told apart by their number; one that
// begins and ends between two looks is in none of these.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <vector>

#include "analyze/growth.h"
#include "report/report.h"
#include "runtime/go/readings.h"

namespace whoholds {

struct GoTally {
    Amount held;
    Amount before;    // there at the first look
    Amount acquired;  // of the heap since the process started
    Amount released;
    GrowthSeries growth;
    double growth_part = 1;  // how much of its slope counts
    GrowthSeries acquired_growth;
    GrowthSeries released_growth;
};

class GoLedger {
public:
    void look(const GoReadings& readings, double time_s);
    // Before the first look: what it will see came under our eyes.
    void begin_with_nothing() { looks_ = 1; }

    // The heap by its stack, as in GoHeapStack; scaled.
    [[nodiscard]] const absl::flat_hash_map<std::vector<uint64_t>, GoTally>& heap() const { return heap_; }
    [[nodiscard]] const GoTally& heap_total() const { return heap_total_; }
    // The user's goroutines by the return address of the go statement. They have no bytes.
    [[nodiscard]] const absl::flat_hash_map<uint64_t, GoTally>& goroutines() const { return goroutines_; }
    // When the first look that saw it was; nullopt: none did.
    [[nodiscard]] std::optional<double> first_seen_s(uint64_t goroutine) const;
    // What its row is known by: the first one was made by no go statement and stands for itself, by its own function.
    static uint64_t creator_of(const GoroutineRecord& record) {
        return record.id == 1 ? record.start + 1 : record.creator;
    }
    [[nodiscard]] const GoTally& goroutine_total() const { return goroutine_total_; }
    [[nodiscard]] std::optional<double> collections_per_min() const;

private:
    struct Known {
        uint64_t creator = 0;
        double first_seen_s = 0;
        uint32_t seen_at = 0;
    };

    void look_at_heap(const GoHeapProfile& profile, double time_s);
    void look_at_goroutines(const GoroutineSnapshot& snapshot, double time_s);
    void meet(const GoroutineRecord& record, bool is_first, double time_s);
    void part(const Known& known);

    absl::flat_hash_map<std::vector<uint64_t>, GoTally> heap_;
    GoTally heap_total_;
    absl::flat_hash_map<uint64_t, GoTally> goroutines_;
    GoTally goroutine_total_;
    absl::flat_hash_map<uint64_t, Known> known_;  // by number of the goroutine
    GrowthSeries collections_;
    uint32_t looks_ = 0;  // at goroutines
};

}  // namespace whoholds
