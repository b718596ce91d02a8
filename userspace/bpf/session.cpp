#include "bpf/session.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <iterator>

#include "bpf/capabilities.h"
#include "bpf/session_state.h"
#include "proc/rights.h"

namespace whoholds {

namespace {

constexpr double kTickS = 0.1;
constexpr int kPriority = -10;
constexpr size_t kMaxUnfinished = 4096;  // 16 KiB each
constexpr uint64_t kFinishNs = 20'000'000;

// What grows is told from the looks in between, too.
uint64_t looks_per_interval(double interval_s) {
    constexpr double kLongestS = 5;
    return static_cast<uint64_t>(std::max(std::ceil(interval_s / kLongestS), 1.0));
}

UniqueFd make_timer(double seconds) {
    UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    auto whole = static_cast<time_t>(seconds);
    timespec period{.tv_sec = whole, .tv_nsec = static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
    itimerspec when{.it_interval = period, .it_value = period};
    timerfd_settime(fd.get(), 0, &when, nullptr);
    return fd;
}

}  // namespace

Target* Session::target_of(uint16_t slot) {
    auto found = std::ranges::find_if(targets_, [&](const Target& target) { return target.slot() == slot; });
    return found == targets_.end() ? nullptr : &*found;
}

void Session::on_record(const Record& record) {
    switch (record.type) {
        case RecordType::kLoaderChanged:
            if (Target* target = target_of(record.process)) target->loader_changed = true;
            break;
        case RecordType::kMappings:
            if (Target* target = target_of(record.process)) target->mappings_changed = true;
            break;
        case RecordType::kStack: keep_stack(record); break;
        case RecordType::kSnapshot: keep_unfinished(record); break;
        case RecordType::kExec: on_exec(record); break;
        case RecordType::kFork: on_fork(record); break;
        case RecordType::kGoSample:
        case RecordType::kGoMarking:
            if (Target* target = target_of(record.process))
                target->go_samples().on_record(record, has_lasting_stack(record.stack));
            break;
        case RecordType::kJsSample:
        case RecordType::kJsHeap:
        case RecordType::kJsHeapEnds:
            if (Target* target = target_of(record.process))
                target->js_samples().on_record(record, has_lasting_stack(record.stack), *tracer_,
                                               [this](const Record& one) { aggregator_->on_record(one); });
            break;
        case RecordType::kFailed: failed_connects_.on_record(record); break;
        default: is_in_a_book(record) ? put_in_book(record) : aggregator_->on_record(record);
    }
}

void Session::judge_js_samples(Target& target) {
    target.js_samples().judge(*tracer_, monotonic_ns(), [this](const Record& one) { aggregator_->on_record(one); });
}

// With samples, one of many can be left out where mappings changed at that moment; what is wrong with others stays so.
bool Session::has_lasting_stack(uint32_t stack) const {
    const StackInfo* info = aggregator_->find_stack(stack);
    return !info || (info->status != WH_STACK_NO_MAPPING && info->status != WH_STACK_MAPPINGS_CHANGED &&
                     info->status != WH_STACK_READ_FAILED);
}

// Code objects of Python and functions of JavaScript are read now, as they may be freed, or moved.
void Session::keep_stack(const Record& record) {
    Target* target = target_of(record.process);
    auto v8 = target ? target->v8().resolve(record.frames, record.tid) : std::nullopt;
    if (!v8) v8 = without_v8_words(record.frames);
    const auto python = target ? target->python().resolve(*v8) : std::nullopt;
    Record stack = record;
    stack.frames = python ? *python : *v8;
    aggregator_->on_record(stack);
}

// What is known of it counts at once; its callers follow, in finish_stacks().
void Session::keep_unfinished(const Record& record) {
    Record stack = record;
    stack.type = RecordType::kStack;
    const uint64_t caller = record.snapshot->registers[0];
    stack.frames = {&caller, 1};
    aggregator_->on_record(stack);
    if (Target* target = target_of(record.process)) target->mappings_changed = true;
    if (unfinished_.size() < kMaxUnfinished)
        unfinished_.push_back(std::make_unique<wh_snapshot_record>(*record.snapshot));
}

void Session::finish_stacks(uint64_t budget_ns) {
    const uint64_t end_ns = monotonic_ns() + budget_ns;
    while (!unfinished_.empty() && monotonic_ns() < end_ns) {
        std::unique_ptr<wh_snapshot_record> snapshot = std::move(unfinished_.front());
        unfinished_.pop_front();
        Target* target = target_of(snapshot->process);
        auto unwound = target ? target->finish(*snapshot) : std::nullopt;
        if (!unwound || unwound->frames.empty()) continue;
        Record stack;
        stack.type = RecordType::kStack;
        stack.kind = snapshot->kind;
        stack.process = snapshot->process;
        stack.stack = snapshot->stack;
        stack.hash = snapshot->hash;
        stack.layout = snapshot->layout;
        stack.stack_status = unwound->status;
        stack.frames = unwound->frames;
        aggregator_->on_record(stack);
    }
}

void Session::watch(int fd, Wake wake, uint32_t events) {
    epoll_event event{.events = events, .data = {.u32 = static_cast<uint32_t>(wake)}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

std::optional<SessionError> Session::run() {
    if (auto failed = start()) return failed;
    // Best effort: a target that keeps all processors busy must not starve the reader of its rings.
    setpriority(PRIO_PROCESS, 0, kPriority);
    if (auto rights = read_own_rights(root_))
        keep_capabilities(capabilities_needed(*rights, tracer_->options().method != AttachMethod::kUprobeMulti));
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    tick_timer_ = make_timer(kTickS);
    interval_timer_ = make_timer(options_.interval_s / static_cast<double>(looks_per_interval(options_.interval_s)));
    // Edge-triggered: there is always something in the ring of a busy target, we come when the programs call us.
    watch(tracer_->ring_fd(), Wake::kRing, EPOLLIN | EPOLLET);
    watch(tracer_->backlog_fd(), Wake::kRing, EPOLLIN | EPOLLET);
    watch(tick_timer_.get(), Wake::kTick);
    watch(interval_timer_.get(), Wake::kInterval);
    watch(signals_.get(), Wake::kSignal);
    for (Target& target : targets_) watch(target.pidfd(), Wake::kProcess);
    if (downloads_) watch(downloads_->fd(), Wake::kDownload);
    if (events_.input_fd >= 0) watch(events_.input_fd, Wake::kInput);
    if (events_.on_start) events_.on_start();
    if (options_.report_at_start && !report(false)) stop_ = true;
    loop();
    for (Target& target : targets_) target.observe(attached_s());
    end();
    return std::nullopt;
}

void Session::end() {
    for (Target& target : targets_) {
        compare_with_kernel(target, Origin::kUnseen);
        target.look_at_go(attached_s(), [this] { keep_up(); });
    }
    // Closing the gate ends the counting at once. Taking perf uprobes away costs 60 to 190 ms each: the report need not wait.
    for (Target& target : targets_) tracer_->stop_process(target.slot());
    end_s_ = attached_s();
    settle();
    finish_stacks(kFinishNs);  // while it is known what was mapped
    bool report_first = tracer_->options().method != AttachMethod::kUprobeMulti;
    if (report_first) {
        report(true);
        events_.on_progress("detaching ...");
    }
    for (Target& target : targets_) target.detach(*tracer_, pool_);
    if (!report_first) report(true);
    pool_.closer.wait();
}

// The symbolisers find what has come, with the next report.
void Session::take_downloads() {
    const int fd = downloads_->fd();
    downloads_->poll();
    if (downloads_->fd() >= 0) return;
    epoll_event unused{};
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
}

void Session::loop() {
    while (!stop_) {
        epoll_event ready[16];
        int count = epoll_wait(epoll_.get(), ready, std::size(ready), -1);
        if (count < 0 && errno != EINTR) return;
        for (int i = 0; i < count && !stop_; i++) handle(static_cast<Wake>(ready[i].data.u32));
    }
}

void Session::on_interval() {
    const bool is_shown = ++looks_ % looks_per_interval(options_.interval_s) == 0;
    if (is_shown && options_.count && reports_ + 1 >= *options_.count) {
        end_reason_ = "the requested number of reports";
        stop_ = true;
    } else if (!report(false, is_shown)) {
        stop_ = true;
    }
}

void Session::handle(Wake wake) {
    uint64_t expirations = 0;
    switch (wake) {
        case Wake::kRing: pump(); break;
        case Wake::kTick:
            if (read(tick_timer_.get(), &expirations, sizeof(expirations)) > 0) pump();
            look_for_processes();
            look_at_thresholds();
            break;
        case Wake::kInterval:
            if (read(interval_timer_.get(), &expirations, sizeof(expirations)) <= 0) break;
            on_interval();
            break;
        case Wake::kSignal: {
            signalfd_siginfo info{};
            if (read(signals_.get(), &info, sizeof(info)) > 0) {
                end_reason_ = info.ssi_signo == SIGINT ? "interrupted" : "asked to end";
                stop_ = true;
                if (events_.on_end_signal) events_.on_end_signal();
            }
            break;
        }
        case Wake::kProcess: look_for_exits(); break;
        case Wake::kDownload: take_downloads(); break;
        case Wake::kInput:
            if (events_.on_input()) break;
            end_reason_ = "left";
            stop_ = true;
            break;
    }
    if (options_.duration_s && attached_s() >= *options_.duration_s && !stop_) {
        end_reason_ = "the requested duration";
        stop_ = true;
    }
    look_after_targets();
    attach_arrivals();
}

void Session::look_after_targets() {
    for (Target& target : targets_) {
        if (target.exited()) continue;
        if (target.exec_seen) begin_again(target);
        target.tend_go_samples(*tracer_, pool_, monotonic_ns());
        target.tend_js_samples(*tracer_, pool_);
        judge_js_samples(target);
        if (!target.loader_changed) {
            target.look_again(*tracer_, monotonic_ns());
            continue;
        }
        bool stopped = target.waits_at_loader;
        target.attach_new_modules(*tracer_, plan_options(target.pid()), pool_);
        if (!stopped || !child_) continue;
        // glibc calls its hook before it maps the libraries, and again when they are ready; musl once.
        if (target.acquiring_probe_count() > 0) target.stop_no_more(*tracer_);
        child_->resume();
    }
    finish_stacks(kFinishNs);
}

// A look costs some small files of /proc, and no report.
void Session::look_at_thresholds() {
    constexpr uint64_t kEveryNs = 250'000'000;
    constexpr size_t kAtOnce = 32;  // of more processes it is rarer, so that it stays cheap
    const uint64_t every_ns = kEveryNs * (1 + targets_.size() / kAtOnce);
    if (!options_.thresholds.any() || stop_ || monotonic_ns() - looked_at_thresholds_ns_ < every_ns) return;
    looked_at_thresholds_ns_ = monotonic_ns();
    for (Target& target : targets_) {
        if (target.exited()) continue;
        const auto rss_bytes = options_.thresholds.watches_rss() ? read_rss_bytes(root_, target.pid()) : std::nullopt;
        const auto headroom =
            options_.thresholds.watches_headroom() ? read_memory_headroom(root_, target.pid()) : std::nullopt;
        for (const std::string& told :
             target.threshold_watch.look(options_.thresholds, attached_s(), rss_bytes, headroom))
            reasons_.push_back(fmt::format("{} (pid {}): {}", target.command(), target.pid(), told));
    }
    if (!reasons_.empty() && !report(false)) stop_ = true;
}

void Session::begin_again(Target& target) {
    target.exec_seen = false;
    if (child_ && target.exec_count == 0 && target.pid() == child_->pid()) {
        target.exec_count++;  // the exec that we waited for
        static_cast<void>(target.look_at_mappings(*tracer_));
        compare_with_kernel(target, Origin::kBeforeAttach);
        target.begin_go_with_nothing();
        if (target.stops_at_exec) child_->resume();
        target.observe(attached_s());
        return;
    }
    say(fmt::format("pid {} executed another program; what it held has ended", target.pid()));
    settle();
    source_->end_process(*this, target.slot(), monotonic_ns());
    target.detach(*tracer_, pool_);
    forget_slot(target);
    target.begin_again(*slots_.take());  // there is one: its last one
    auto attached = target.attach(*tracer_, plan_options(target.pid()), pool_, attached_s());
    target.note_missed_exec();
    if (!attached) say(attached.error().message);
    if (attached && target.has_moved_on(*tracer_)) target.exec_seen = true;
    compare_with_kernel(target, Origin::kBeforeAttach);
}

std::optional<SessionError> run_session(const SessionOptions& options, const SessionEvents& events) {
    return Session(options, events).run();
}

}  // namespace whoholds
