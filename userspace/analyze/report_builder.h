// ReportBuilder: Profile + names -> the stacks and kinds of a Report. Keeps the growth of each stack and kind from report to report.
// Used by the session. Pure: what it needs of the process is passed in.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyze/growth.h"
#include "analyze/held_items.h"
#include "analyze/stack_groups.h"
#include "profile/aggregator.h"
#include "profile/profile.h"
#include "report/report.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

enum class SortBy : uint8_t { kBytes, kCount, kAge, kTotal };

struct ReportOptions {
    SortBy sort = SortBy::kBytes;
    size_t top = 10;                      // stacks a kind
    bool keep_empty = false;              // also those that hold nothing now
    std::vector<std::string> kinds;       // JSON names, "pair" for all pairs; empty: all
    std::vector<std::string> pair_names;  // of the kinds from WH_KIND_PAIR_FIRST on
    ProfileFilter filter;
};

// What the builder must know of one process.
struct ProcessView {
    uint16_t slot = 0;
    std::string exe;
    Symbolizer* symbolizer = nullptr;
    // Mappings made by code in these (libc, allocators) are arenas and thread stacks, not the program's own.
    std::vector<AddressRange> own_mapping_code;
    std::vector<AddressRange> libc_code;
    // Go's runtime maps its heap through C in programs with cgo: by a function that one of these calls.
    std::vector<AddressRange> go_mapping_code = {};
    const PythonFrames* python = nullptr;  // null: it runs no Python code
    const V8Frames* v8 = nullptr;          // null: it runs no JavaScript
    const HeldNow* held = nullptr;         // null: neither descriptors nor threads are followed
};

class ReportBuilder {
public:
    explicit ReportBuilder(ReportOptions options) : options_(std::move(options)) {}

    // Once a report, after take_out_own_mappings() and before fill(): notes what is held at time_s (since attach).
    void sample(const Profile& profile, double time_s);

    // Takes the mappings that libc and allocators made for themselves out of the profile; returns what they hold.
    static Amount take_out_own_mappings(Profile& profile, const Aggregator& aggregator, const ProcessView& view);

    // Fills kinds, stacks and stack_count of `report`; adds to the stack counts of `coverage`. pause(): see Aggregator.
    void fill(const Aggregator& aggregator, const Profile& profile, const ProcessView& view, uint64_t now_ns,
              const Aggregator::Pause& pause, ProcessReport& report, Coverage& coverage);

    // Another process may come in its place: what grew there is not its own. stacks: of Aggregator::forget_process().
    void forget_process(uint16_t process, const std::vector<uint32_t>& stacks);

private:
    struct KindRow {
        uint8_t kind;
        std::string json_name;
        std::string title;
    };
    [[nodiscard]] std::vector<KindRow> kinds_shown() const;
    [[nodiscard]] KindReport describe_kind(const KindRow& row, const ProfileKind& found, uint64_t now_ns) const;
    StackReport describe(const KindRow& row, const Aggregator& aggregator, const StackGroup& group,
                         const ProcessView& view, uint64_t now_ns) const;
    [[nodiscard]] std::optional<Rate> growth_of(const StackGroup& group) const;
    [[nodiscard]] TimeSlices slices_until(uint64_t now_ns) const;
    void sort_and_cut(std::vector<StackGroup>& groups) const;

    ReportOptions options_;
    absl::flat_hash_map<uint32_t, GrowthSeries> stack_growth_;
    absl::flat_hash_map<uint32_t, GrowthSeries> kind_growth_;  // process << 8 | kind
    absl::flat_hash_map<uint32_t, GrowthSeries> kind_acquired_;
    absl::flat_hash_map<uint32_t, GrowthSeries> kind_released_;
    std::map<uint16_t, ConnectionGrowth> connection_growth_;
    double time_s_ = 0;  // of the last sample
};

}  // namespace whoholds
