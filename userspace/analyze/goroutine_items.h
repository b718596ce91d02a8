// GoroutineItems: what the single goroutines behind rows of a report do now, since when, and how old they are at least. Used by
// GoRows, made anew for each report. Pure. Invariant: an age is never more than is known: a goroutine is at least as old as the
// look that first saw it, and as what the runtime says of its waiting.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/go_ledger.h"
#include "report/report.h"
#include "runtime/go/goroutines.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// Innermost first, without the runtime's own frames that stand in front of all others.
bool is_go_runtime(const Frame& frame);

// The stack (its index) at which a goroutine was created, by its number.
using TracedGoroutines = absl::flat_hash_map<uint64_t, uint32_t>;

class GoroutineItems {
public:
    // All outlive it. now_ns: CLOCK_MONOTONIC of the look; now_s: the same in the session's time.
    struct Look {
        const GoroutineSnapshot& snapshot;
        const GoLedger& ledger;
        std::span<const std::string> wait_reasons;
        uint64_t now_ns = 0;
        double now_s = 0;
        const TracedGoroutines* traced = nullptr;  // then rows are of these stacks, and not of creators
    };
    GoroutineItems(const Look& look, Symbolizer& symbolizer);

    // Fills items, item_groups and oldest_s of the stack of these creators (or, with traced, stacks: then oldest_s is known better
    // but for those that were there before).
    void describe(std::span<const uint64_t> creators, StackReport& report);
    // Of all that are the user's; nullopt: not known.
    [[nodiscard]] std::optional<double> oldest_s() const;

private:
    [[nodiscard]] std::vector<uint32_t> of_creators(std::span<const uint64_t> creators) const;
    [[nodiscard]] std::optional<double> blocked_s(const Goroutine& goroutine) const;
    [[nodiscard]] std::optional<double> age_s(const Goroutine& goroutine) const;
    [[nodiscard]] std::string wait_reason(const Goroutine& goroutine) const;
    const Frame& frame_of(uint32_t stack);
    ItemReport item_of(const Goroutine& goroutine);
    std::vector<ItemGroup> groups_of(std::span<const uint32_t> goroutines);

    Look look_;
    Symbolizer& symbolizer_;
    absl::flat_hash_map<uint64_t, std::vector<uint32_t>> by_creator_;
    absl::flat_hash_map<uint32_t, Frame> frames_;  // by stack: the one to look at
};

}  // namespace whoholds
