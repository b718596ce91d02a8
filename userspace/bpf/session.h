// Session: wires discovery, plan, attach, stream, aggregator and report into one epoll loop on one thread. Decides nothing itself
// that another room can decide.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyze/report_builder.h"
#include "analyze/suppressions.h"
#include "analyze/thresholds.h"
#include "base/result.h"
#include "bpf/go_samples.h"
#include "bpf/tracer.h"
#include "proc/selection.h"
#include "runtime/go/readings.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

struct WantedKinds {
    bool heap = true;
    bool mappings = true;
    bool descriptors = true;  // files, sockets and all others
    bool threads = true;
    std::vector<Pair> pairs;  // functions that the user names
    GoWanted go;              // what the runtime of a Go program knows
    GoSamplesMode go_samples = GoSamplesMode::kAuto;
    bool js_heap = true;     // which lines' objects stay on heaps of V8
    bool go_tracing = true;  // who creates goroutines, by probes on the runtime; theirs is what they take
    [[nodiscard]] bool only_go() const {
        return go.any() && !heap && !mappings && !descriptors && !threads && pairs.empty();
    }
};

struct SessionOptions {
    std::vector<pid_t> pids;
    ProcessSelection selection;        // these too, and those that come later
    bool wait_for_first = false;       // although nothing is selected yet
    bool follow = false;               // children, too
    std::vector<std::string> command;  // of `run`; then pids and selection are empty
    double interval_s = 5;
    std::optional<uint64_t> count;
    std::optional<double> duration_s;
    bool report_at_start = false;  // one more, before the first interval has passed
    bool only_final = false;       // and those out of turn
    WantedKinds wanted;
    ReportOptions report;
    struct {
        std::string sorted_by;
        std::string selection;  // "blocks held for 2 min or longer", "" for all
    } report_labels;
    TracerOptions tracer;
    bool choose_method = true;  // false: tracer.method is what the user asked for
    double young_age_s = 1;
    Thresholds thresholds;                 // a report out of turn when one is passed
    Suppressions* suppressions = nullptr;  // none; else of the caller, and kept up to date
};

struct SessionEvents {
    std::function<void()> on_start;                            // all is attached, the loop begins; may be empty
    std::function<void(const std::string& line)> on_progress;  // for standard error
    // false: nobody reads any more, stop. While the reader is slow, call pause() again and again: it reads the rings. If it
    // returns false, the user has lost patience (a signal came a while ago): give up.
    std::function<bool(const Report& report, const std::function<bool()>& pause)> on_report;
    // Whoever looks at a screen: called when the descriptor is readable; false: end. A signal ends it, too, and is told.
    int input_fd = -1;
    std::function<bool()> on_input;
    std::function<void()> on_end_signal;
};

// Why a session could not begin; main makes an exit code of it.
enum class FailureKind : uint8_t { kOther, kUntraceable, kNoRights, kKernel, kNothingAttached };

struct SessionError {
    FailureKind kind = FailureKind::kOther;
    Error error;
};

// Runs to the end: the final report was given to on_report. nullopt: all went well.
std::optional<SessionError> run_session(const SessionOptions& options, const SessionEvents& events);

}  // namespace whoholds
