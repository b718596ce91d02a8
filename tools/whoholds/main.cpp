// Wires the command line to a session and prints. Decides nothing.
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/go_rows.h"
#include "attach/attach_plan.h"
#include "base/human.h"
#include "base/printable.h"
#include "bpf/session.h"
#include "bpf/target.h"
#include "options.h"
#include "outputs.h"
#include "recording/recorder.h"
#include "report/formats.h"
#include "whoholds/recordings.h"
#include "whoholds/session_options.h"
#include "whoholds/top.h"

namespace whoholds {
namespace {

FormatOptions format_options(const Options& options) {
    FormatOptions format;
    bool terminal = isatty(STDOUT_FILENO) == 1;
    format.color = options.color == Options::Color::kAlways ||
                   (options.color == Options::Color::kAuto && terminal && getenv("NO_COLOR") == nullptr);
    format.top = options.top;
    format.top_processes = options.top_processes;
    format.all_frames = options.full;
    winsize size{};
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) format.width = std::max<unsigned>(size.ws_col, 100);
    return format;
}

int print_plans(const Options& options) {
    ProcRoot root;
    std::vector<pid_t> pids = options.pids;
    if (!options.selection.is_empty()) {
        ProcessSelection selection = options.selection;
        widen_if_hidden(root, selection, getpid());
        auto selected = selected_processes(root, selection, getpid());
        if (!selected) return fail({FailureKind::kOther, std::move(selected).error()});
        pids.insert(pids.end(), selected->begin(), selected->end());
    }
    if (pids.empty())
        return fail({FailureKind::kUntraceable,
                     {ErrorCode::kNotFound, fmt::format("no process matches {}", options.selection.words())}});
    for (pid_t pid : pids) {
        if (auto refusal = check_traceable(root, pid)) return fail(*refusal);
        auto maps = read_maps(root, pid);
        if (!maps) return fail({FailureKind::kOther, std::move(maps).error()});
        PlanOptions plan_options = plan_options_for(root, pid, wanted_kinds(options));
        AttachPlan plan = make_plan(pid, *maps, plan_options, open_elf_of(root, pid));
        std::string text = options.json ? plan_to_json(plan) : plan_to_text(plan);
        std::fwrite(text.data(), 1, text.size(), stdout);
    }
    return kExitReported;
}

// A slow reader (a pager, a stalled terminal) must not keep us from reading the rings: never blocks for longer than a moment.
bool write_all(std::string_view text, const std::function<bool()>& pause) {
    constexpr int kMomentMs = 10;
    while (!text.empty()) {
        pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
        if (poll(&output, 1, kMomentMs) == 0) {
            if (!pause()) return false;
            continue;
        }
        // A pipe that is ready takes PIPE_BUF bytes without blocking.
        ssize_t written = write(STDOUT_FILENO, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

void say(const std::string& line) {
    if (!line.empty()) fmt::print(stderr, "{}\n", printable(line));
}

// A recording keeps everything, so that it can be looked at without these suppressions, too.
Report unsuppressed(const Report& report) {
    Report whole = report;
    put_back_suppressed(whole);
    return whole;
}

int trace(const Options& options) {
    FormatOptions format = format_options(options);
    format.brief = !options.long_reports;
    auto opened = Outputs::open(options, format);
    if (!opened) {
        fmt::print(stderr, "whoholds: {}\n", printable(opened.error().message));
        return opened.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure;
    }
    Outputs& outputs = *opened;
    SessionOptions session = session_options(options);
    std::optional<Suppressions> suppressions = options.suppressions;
    if (suppressions) session.suppressions = &*suppressions;
    session.only_final = options.action != Options::Action::kRecord && !outputs.wants_every_report();
    std::optional<Error> lost;
    SessionEvents events;
    events.on_progress = say;
    std::optional<Recorder> recorder;
    if (options.action == Options::Action::kRecord) {
        auto created = Recorder::create(options.record_to, options.may_replace);
        if (!created) return fail({FailureKind::kOther, std::move(created).error()});
        recorder = *std::move(created);
    }
    events.on_report = [&](const Report& report, const std::function<bool()>& pause) {
        if (recorder) {
            if (auto appended = recorder->append(suppressions ? unsuppressed(report) : report); !appended) {
                lost = std::move(appended).error();
                return false;
            }
            if (!report.final && report.reasons.empty()) return true;
        }
        if (auto delivered = outputs.deliver(report); !delivered) lost = std::move(delivered).error();
        say(outputs.complaint(false));
        return write_all(outputs.standard_output(report), pause);
    };
    if (auto failure = run_session(session, events)) return fail(*failure);
    say(outputs.complaint(true));
    if (lost) return fail({FailureKind::kOther, *std::move(lost)});
    if (recorder)
        fmt::print(stderr, "recorded {} in {}; whoholds report {} prints it\n", human_bytes(recorder->bytes_written()),
                   printable(options.record_to), printable(options.record_to));
    return kExitReported;
}

template <class Read>
int read_recordings(const Options& options, Read read) {
    const auto outcome = read(options, format_options(options),
                              [](std::string_view text) { return write_all(text, [] { return true; }); });
    return outcome ? kExitReported : fail({FailureKind::kOther, outcome.error()});
}

int run(int argc, char** argv) {
    // A reader that goes away (| head) ends us by a failed write, not by a signal in the middle of something.
    std::signal(SIGPIPE, SIG_IGN);
    // Large tables are mapped each by itself and go back to the system when they grow into another place. glibc would raise this
    // threshold with the first large block that is freed, and leave the holes in its heap: 71 instead of 43 bytes for a block.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    ParseOutcome parsed = parse_options({argv + 1, argv + argc});
    if (parsed.exit_code) {
        if (*parsed.exit_code == 0)
            std::fputs(parsed.text.c_str(), stdout);
        else
            fmt::print(stderr, "whoholds: {}\n", parsed.text);
        return *parsed.exit_code;
    }
    switch (parsed.options.action) {
        case Options::Action::kTop: return run_top(parsed.options);
        case Options::Action::kPlan: return print_plans(parsed.options);
        case Options::Action::kReport: return read_recordings(parsed.options, report_recording);
        case Options::Action::kDiff: return read_recordings(parsed.options, compare_recordings);
        default: return trace(parsed.options);
    }
}

}  // namespace
}  // namespace whoholds

int main(int argc, char** argv) { return whoholds::run(argc, argv); }
