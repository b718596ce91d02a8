// The command line of whoholds as plain data. Used by main, which prints what has to be printed and acts on the rest.
// Invariant: an Options that comes without an exit code is complete and in range; nothing in it needs checking again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyze/suppressions.h"
#include "analyze/thresholds.h"
#include "proc/selection.h"
#include "publish/metrics_server.h"
#include "publish/push_target.h"
#include "runtime/go/duty_cycle.h"
#include "runtime/pairs/pair.h"

namespace whoholds {

// The exit codes, also listed in --help. `run` ends with the code of the report, not with that of the command.
enum ExitCode : int {
    kExitReported = 0,
    kExitFailure = 1,
    kExitUsage = 2,
    kExitNoProcess = 3,
    kExitNoRights = 4,
    kExitKernelLacks = 5,
    kExitNothingAttached = 6,
};

struct Options {
    enum class Action { kAttach, kRun, kPlan, kRecord, kReport, kDiff, kTop };
    enum class Sort { kBytes, kCount, kAge, kTotal };
    enum class Color { kAuto, kAlways, kNever };
    enum class GoTypes { kAuto, kOn, kOff };
    enum class AttachWith { kAuto, kMulti, kPerf, kPerfWithoutCookies };

    Action action = Action::kAttach;
    std::vector<pid_t> pids;           // each once, in the order given
    ProcessSelection selection;        // with pids: not both empty unless action is kRun; empty then
    bool wait = false;                 // for the first selected process
    bool follow = false;               // children that are forked
    bool go_tracing = true;            // goroutines are followed by probes
    std::vector<std::string> command;  // not empty exactly when action is kRun

    std::vector<std::string> recordings;  // of kReport one, of kDiff one or two
    std::optional<double> from_s;         // of kDiff: the time of the first report, seconds since the attach
    std::optional<double> at_s;           // of kReport and kDiff: that of the (second) report
    std::string record_to;                // of kRecord
    bool may_replace = false;             // ... that file, if it exists

    double interval_s = 5;
    bool has_interval = false;         // the user named one
    std::optional<uint64_t> count;     // reports before the end; none: until Ctrl-C or the target's end
    std::optional<double> duration_s;  // ends the trace, whatever count says

    double min_age_s = 0;
    uint64_t min_size_bytes = 0;
    size_t top = 10;            // stacks per kind
    size_t top_processes = 10;  // in text
    Sort sort = Sort::kBytes;
    std::vector<std::string> kinds;  // JSON names, "pair" for all pairs; empty: all
    std::vector<Pair> pairs;         // those of --pairs, then those of --pair; at most WH_KIND_PAIR_COUNT, names unique

    GoTypes go_types = GoTypes::kAuto;    // when a Go heap is looked through by type
    std::vector<std::string> holders_of;  // types of Go

    std::optional<Suppressions> suppressions;  // of --suppressions

    std::string format =
        "text";          // a row of report/formats.cpp; with output it is the file's, and standard output stays text
    std::string output;  // the file for the final report; "": none
    std::optional<ListenAddress> metrics_at;
    std::optional<PushTarget> push_to;
    bool json = false;  // --json, or --format json; plan knows no other
    Color color = Color::kAuto;
    Thresholds thresholds;
    std::string on_report;  // the file for reports at a threshold, a time is put into its name; "": none
    bool quiet = false;     // only the final report
    GoSamplesMode go_samples = GoSamplesMode::kAuto;
    bool js_samples = true;
    bool full = false;  // all frames in text
    bool long_reports = false;

    // Tuning, for tests. None: the defaults of the tracer.
    std::optional<uint64_t> young_slots;
    std::optional<uint64_t> ring_bytes;
    std::optional<uint64_t> backlog_bytes;
    std::optional<uint64_t> max_stacks;
    std::optional<uint64_t> young_age_ms;
    AttachWith attach_with = AttachWith::kAuto;
};

struct ParseOutcome {
    Options options;
    std::optional<int> exit_code;  // set: print text and end with it
    std::string text;              // code 0: help or version, for stdout; else one sentence without newline, for stderr
};

// arguments: without the program's name. Prints nothing, throws nothing.
ParseOutcome parse_options(const std::vector<std::string>& arguments);

// "bytes", "count", "age", "total": as --sort takes it.
std::string_view sort_name(Options::Sort sort);

}  // namespace whoholds
