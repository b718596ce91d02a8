// The part of a session that makes reports, and reads the rings while that takes its time.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "analyze/findings.h"
#include "analyze/js_buffers.h"
#include "base/human.h"
#include "bpf/session_state.h"
#include "report/cut_report.h"

namespace whoholds {

namespace {

constexpr int kSettleRounds = 1000;
constexpr uint64_t kKeepUpNs = 5'000'000;
// For reading debug information, a report and process: lines that take longer come with the next report.
constexpr unsigned kSymbolBudgetMs = 400;
constexpr uint64_t kFinishForReportNs = 100'000'000;  // for stacks that the kernel part could not finish, a report
constexpr uint64_t kSweepNs = 20'000'000;
constexpr uint64_t kPatienceNs = 500'000'000;  // for a reader of our output, once a signal has come

// For all processes together it must not take longer than an interval or two.
unsigned symbol_budget_ms(size_t processes) {
    constexpr size_t kAtOnce = 4;
    return static_cast<unsigned>(kSymbolBudgetMs / std::max<size_t>(processes / kAtOnce, 1)) + 1;
}

int64_t unix_ns_now() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

// From which age on the young are taken out of the kernel's table; all of them if it overflows. Looking through the table takes
// half a millisecond, so it is not done with every wake-up.
std::optional<uint64_t> Session::young_age() {
    uint64_t now_ns = monotonic_ns();
    if (now_ns - swept_ns_ < kSweepNs) return std::nullopt;
    swept_ns_ = now_ns;
    return source_->under_pressure() ? 0 : static_cast<uint64_t>(options_.young_age_s * 1e9);
}

// Reads the rings into the buffer and applies it; between portions the rings are read again. Returns false if a record in a
// ring was still being written.
bool Session::pump() {
    constexpr size_t kPortion = 16'384;
    bool all_read = source_->round(buffer_, young_age());
    while (!buffer_.is_empty()) {
        buffer_.apply_some(*this, kPortion);
        keep_up();
    }
    return all_read;
}

// Reads the rings to where they are now.
void Session::settle() {
    for (int i = 0; i < kSettleRounds; i++) {
        if (pump()) return;
        usleep(100);  // a thread of the target is in the middle of writing a record
    }
}

// While a report is made or a burst is applied, which may take long, the rings are read into the buffer.
void Session::keep_up() {
    uint64_t now_ns = monotonic_ns();
    if (now_ns - kept_up_ns_ < kKeepUpNs || buffer_.is_full()) return;
    kept_up_ns_ = now_ns;
    source_->round(buffer_, young_age());
    for (Target& target : targets_) target.judge_go_samples(now_ns);
}

// The report is made; what comes is applied, however long its reader takes.
bool Session::keep_up_while_writing() {
    pump();
    pollfd signals{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    if (poll(&signals, 1, 0) <= 0) {
        signal_seen_ns_ = 0;
        return true;
    }
    if (signal_seen_ns_ == 0) signal_seen_ns_ = monotonic_ns();
    return monotonic_ns() - signal_seen_ns_ < kPatienceNs;
}

void Session::add_notes(const Amount& own_mappings, Coverage& coverage) {
    if (own_mappings.count > 0)
        coverage.notes.push_back(fmt::format(
            "mappings that libc, the allocator or the runtime of Go or Python made for itself (arenas, thread stacks), "
            "not listed: {} ({})",
            exact_count(own_mappings.count), human_bytes(own_mappings.bytes)));
    for (const Target& target : targets_)
        if (!target.debugger().empty())
            coverage.notes.push_back(fmt::format(
                "process {} is debugged by {}: where it sets a breakpoint at an instruction that is probed, the "
                "breakpoint "
                "does not stop, and when it is deleted the probe may go with it; let it detach before whoholds ends",
                target.pid(), target.debugger()));
    add_arrival_notes(coverage);
    if (forks_ > 0 && !has_arrivals())
        coverage.notes.push_back(fmt::format("child processes forked, what they hold is not counted: {}", forks_));
    if (forks_sharing_memory_ > 0)
        coverage.notes.push_back(fmt::format(
            "of these, shared the memory for a while (vfork, posix_spawn), and what they took or released then is not "
            "seen: {}",
            forks_sharing_memory_));
    if (child_)
        if (std::string text = child_->status_text(); !text.empty()) coverage.notes.push_back(text);
}

// What is analysed and recorded is more than what is shown.
ReportOptions Session::wide(ReportOptions options) {
    options.top = std::max(options.top, kWideReport);
    options.keep_empty = true;
    return options;
}

void Session::count_live_buffers(Target& target, ProcessReport& process) const {
    const JsCensuses& censuses = target.js_samples().censuses();
    if (censuses.made() == 0) return;
    process.js_censuses = censuses.made() - 1;  // one alone proves nothing
    process.js_census_s = censuses.sure_until_s();
    keep_live_buffers(*aggregator_, target.slot(), {censuses.buffer_blocks(), censuses.made_at_ns(), start_ns_},
                      process);
}

bool Session::report(bool final, bool is_shown) {
    double time_s = end_s_.value_or(attached_s());
    const Aggregator::Pause pause = [this] { keep_up(); };
    // Before the rings are read, so that what is listed has been told. Growth is known at the end, too, where only that is reported.
    if (!final)
        for (Target& target : targets_) {
            target.look_at_go(time_s, pause);
            target.look_at_python(*tracer_);
            target.look_at_v8(*tracer_);
            target.take_js_census(
                *tracer_, time_s, pause, [this](uint32_t stack) { return aggregator_->find_stack(stack); },
                [this](const Record& one) { aggregator_->on_record(one); });
        }
    settle();
    for (Target& target : targets_)
        if (!target.exited()) judge_js_samples(target);
    if (!final)
        for (Target& target : targets_) compare_with_kernel(target, Origin::kUnseen);
    finish_stacks(kFinishForReportNs);
    source_->census(*this);
    for (Target& target : targets_) compare_goroutines(target);
    uint64_t now_ns = start_ns_ + static_cast<uint64_t>(time_s * 1e9);
    Profile profile = aggregator_->make_profile(now_ns, options_.report.filter, pause);
    Amount own_mappings;
    for (Target& target : targets_) {
        Amount own = ReportBuilder::take_out_own_mappings(profile, *aggregator_, target.view());
        own_mappings.count += own.count;
        own_mappings.bytes += own.bytes;
    }
    builder_.sample(profile, time_s);
    for (Target& target : targets_) {
        if (final) break;
        target.observe(time_s);
    }
    if (!final && is_shown) (reasons_.empty() ? reports_ : reports_out_of_turn_)++;
    if (!final && targets_.empty() && arrived_.attached == 0) return true;  // --wait: nobody is there yet
    Report report;
    report.seq = reports_ + reports_out_of_turn_ - (final ? 0 : 1);
    report.reasons = std::exchange(reasons_, {});
    report.time = iso8601_utc(unix_ns_now());
    report.attached_s = time_s;
    report.final = final;
    report.end_reason = final ? end_reason_ : "";
    report.sorted_by = options_.report_labels.sorted_by;
    report.selection = options_.report_labels.selection;
    for (Target& target : targets_) {
        ProcessReport process = target.describe(time_s);
        target.view().symbolizer->set_budget_ms(symbol_budget_ms(targets_.size()));
        target.confirm_go_holders();
        const HeldNow held = held_now(target);
        ProcessView view = target.view();
        if (target.follows_resources()) view.held = &held;
        builder_.fill(*aggregator_, profile, view, now_ns, pause, process, report.coverage);
        const auto traced = traced_goroutines(target);
        target.go_rows().fill(wide(options_.report), *view.symbolizer, pause, process, report.coverage,
                              target.traces_goroutines() ? &traced : nullptr);
        target.fill_go_types(wide(options_.report).top, time_s, pause, process, report.coverage);
        const auto find_stack = [this](uint32_t stack) { return aggregator_->find_stack(stack); };
        target.fill_go_heap(wide(options_.report),
                            {{*view.symbolizer, view.libc_code, &*aggregator_}, find_stack, pause, monotonic_ns()},
                            process, report.coverage);
        count_live_buffers(target, process);
        target.fill_js_rows(process);
        coverage_.add_target(*tracer_, target, process, report.coverage);
        if (options_.suppressions) options_.suppressions->take_out_stacks(process);
        target.history.look(process, time_s);
        judge(process, target.history, time_s);
        if (target.mark_who_hands_on(process, pause)) judge(process, target.history, time_s);
        if (options_.suppressions) options_.suppressions->take_out_findings(process);
        report.processes.push_back(std::move(process));
    }
    coverage_.finish(*tracer_, *aggregator_, time_s, report.coverage);
    add_notes(own_mappings, report.coverage);
    report.has_arrivals = has_arrivals();
    if (report.has_arrivals) std::ranges::stable_sort(report.processes, holds_more);
    if (options_.suppressions) options_.suppressions->sum_up(report);
    if (!is_shown || (options_.only_final && !final && report.reasons.empty())) return true;
    const bool is_read = events_.on_report(report, [this] { return keep_up_while_writing(); });
    if (report.has_arrivals && !final) forget_exited(0);
    return is_read;
}

}  // namespace whoholds
