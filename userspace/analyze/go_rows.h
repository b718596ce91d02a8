// GoRows: what was read of a Go process -> the kinds go_heap and goroutine, their stacks, and what the runtime says, in a
// report. Used by the session, one for each process. Pure: readings, names and time are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/go_ledger.h"
#include "analyze/goroutine_items.h"
#include "analyze/report_builder.h"
#include "report/report.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

// Names of the kinds, in JSON and on the command line.
inline constexpr const char* kGoHeapKind = "go_heap";
inline constexpr const char* kGoroutineKind = "goroutine";

class GoRows {
public:
    // At the attach and before each report. wait_reasons: see read_wait_reasons(). now_ns: CLOCK_MONOTONIC.
    void look(GoReadings readings, std::vector<std::string> wait_reasons, double time_s, uint64_t now_ns);
    // The process began only now: there is nothing from before the first look.
    void begin_with_nothing() { ledger_.begin_with_nothing(); }
    [[nodiscard]] bool has_looked() const { return has_looked_; }

    // Adds what the last look saw; after the process is gone that is what it held last.
    // traced: the stacks at which living goroutines were created, by their numbers, if that is followed; then the report has rows
    // of them already, which lack what they do now.
    void fill(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
              ProcessReport& report, Coverage& coverage, const TracedGoroutines* traced = nullptr) const;
    // What the last look saw; null: it failed, or there was none.
    [[nodiscard]] const GoroutineSnapshot* goroutines() const {
        return last_.goroutines ? &*last_.goroutines : nullptr;
    }

private:
    void fill_heap(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
                   ProcessReport& report) const;
    void fill_goroutines(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
                         ProcessReport& report) const;
    void describe_traced(const TracedGoroutines& traced, Symbolizer& symbolizer, const std::function<void()>& pause,
                         ProcessReport& report) const;
    void add_notes(Coverage& coverage, bool is_traced) const;

    GoLedger ledger_;
    GoReadings last_;
    std::vector<std::string> wait_reasons_;
    uint64_t last_look_ns_ = 0;
    double last_look_s_ = 0;  // in the session's time
    bool has_looked_ = false;
};

}  // namespace whoholds
