// Puts tallies of Go stacks together that read the same, ranks them, and makes rows of a report of the first ones. Used by
// GoRows. Only what is shown is kept as frames; of the others one number for each line of source.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "analyze/go_ledger.h"
#include "analyze/report_builder.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// All logical frames of one address; for the heap's stacks just one.
using GoFramesOf = std::function<std::vector<Frame>(uint64_t pc)>;

struct GoStackRow {
    std::vector<const GoTally*> tallies;
    std::vector<std::vector<uint64_t>> stacks;  // of each; their first has the addresses to show
};

class GoStackRows {
public:
    GoStackRows(GoFramesOf frames_of, bool counts_bytes)
        : frames_of_(std::move(frames_of)), counts_bytes_(counts_bytes) {}

    void add(const std::vector<uint64_t>& stack, const GoTally& tally);
    [[nodiscard]] size_t size() const { return rows_.size(); }
    // The first ones in this order, without those that hold nothing (unless the order is by total).
    [[nodiscard]] std::vector<const GoStackRow*> best(SortBy sort, size_t top) const;
    // Numbers, frames (all of them), growth. Headline and items are the caller's.
    [[nodiscard]] StackReport describe(const GoStackRow& row) const;

private:
    [[nodiscard]] uint32_t place_of(uint64_t pc);

    GoFramesOf frames_of_;
    bool counts_bytes_;
    std::vector<GoStackRow> rows_;
    absl::flat_hash_map<std::vector<uint32_t>, size_t> row_of_;  // by places
    absl::flat_hash_map<uint64_t, uint32_t> place_of_pc_;
    absl::flat_hash_map<std::string, uint32_t> places_;
};

// Of a kind as a whole.
KindReport describe_go_kind(const char* json_name, const char* title, const GoTally& total, size_t stack_count);

}  // namespace whoholds
