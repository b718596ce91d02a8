// History: how the numbers of one process went over the whole attachment: its memory, each kind, each stack. Bounded however long
// it lasts: when it is full every second look is left out. Used by the rules of findings (rules see nothing else of the past), by
// recordings and by plots. Pure: reports and time are passed in, so that a replay gives the same.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analyze/trend.h"
#include "analyze/type_history.h"
#include "report/report.h"

namespace whoholds {

struct StackHistory {
    struct Look {
        float count = 0;
        float old = 0;  // of these, held for longer than kOldS; 0 where ages are not known
        double bytes = 0;
        double acquired = 0;  // in total, number
    };
    size_t first = 0;  // index of the look that saw it first
    std::vector<Look> looks;
    // Of what was acquired in each slice of time (ProcessReport::slice_ends_s): how many were left when the slice had become old; where
    // V8 gives back, when a full collection had looked at it.
    std::vector<double> left_when_old;
    bool is_given_back_by_v8 = false;  // known since then
    uint64_t seen_at = 0;              // the number of the last look that saw it
};

class History {
public:
    static constexpr size_t kMostLooks = 240;
    static constexpr double kOldS = 5;  // a slice of time is old when it has ended so long ago

    void look(const ProcessReport& process, double time_s);

    [[nodiscard]] size_t looks() const { return times_s_.size(); }
    [[nodiscard]] const std::vector<double>& times_s() const { return times_s_; }
    [[nodiscard]] double span_s() const { return times_s_.empty() ? 0 : times_s_.back() - times_s_.front(); }
    // What is known of it: "rss_bytes", "anon_bytes", ..., "heap.count", "heap.bytes", ... Without looks that did not know it.
    [[nodiscard]] std::vector<Sample> metric(const std::string& name) const;
    [[nodiscard]] const StackHistory* stack(const StackReport& stack) const;
    // Nothing before it was first seen counts as nothing held.
    [[nodiscard]] std::vector<Sample> counts(const StackHistory& stack) const;
    [[nodiscard]] std::vector<Sample> bytes(const StackHistory& stack) const;
    // Of what is held, that which is old: what is only in flight does not blur it.
    [[nodiscard]] std::vector<Sample> old(const StackHistory& stack) const;
    // How long one of it is held on average, in seconds: what is held over what is acquired a second (Little's law). Held more and
    // longer is growth, held more but no longer is more work. Without looks at which nothing was acquired.
    [[nodiscard]] std::vector<Sample> stays(const StackHistory& stack) const;
    // Bytes of one of it on average. Without looks at which nothing was held.
    [[nodiscard]] std::vector<Sample> sizes(const StackHistory& stack) const;
    [[nodiscard]] std::vector<MetricSeries> all_metrics() const;
    // Of a Go heap.
    [[nodiscard]] const TypeHistory& types() const { return types_; }

private:
    using Key = std::pair<std::string, uint64_t>;  // kind, id

    void note_metrics(const ProcessReport& process);
    void note(const std::string& name, double value);
    [[nodiscard]] bool has_census(const ProcessReport& process) const;
    [[nodiscard]] bool has_collection(const ProcessReport& process) const;
    void note_stack(const ProcessReport& process, const StackReport& stack, double time_s);
    void join_slices(const ProcessReport& process);
    void thin_out();

    std::vector<double> times_s_;
    std::map<std::string, std::vector<double>> metrics_;  // NaN: not known
    absl::flat_hash_map<Key, StackHistory> stacks_;
    TypeHistory types_;
    std::vector<double> slice_ends_s_;
    double seen_by_collection_s_ = 0;  // at the last look: what was there by then; 0: there was none
    uint64_t look_number_ = 0;
};

}  // namespace whoholds
