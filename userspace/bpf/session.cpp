#include "bpf/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <list>

#include "base/human.h"
#include "base/unique_fd.h"
#include "bpf/command_child.h"
#include "bpf/coverage.h"
#include "bpf/kernel_features.h"
#include "bpf/live_source.h"
#include "bpf/target.h"
#include "profile/aggregator.h"
#include "stream/record_buffer.h"

namespace whoholds {

namespace {

constexpr double kTickS = 0.1;
constexpr int kSettleRounds = 1000;
constexpr int kPriority = -10;
constexpr uint64_t kKeepUpNs = 5'000'000;
constexpr uint64_t kSweepNs = 20'000'000;
constexpr uint64_t kPatienceNs = 500'000'000;  // for a reader of our output, once a signal has come

enum class Wake : uint8_t { kRing, kTick, kInterval, kSignal, kProcess };

UniqueFd make_timer(double seconds) {
    UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    auto whole = static_cast<time_t>(seconds);
    timespec period{.tv_sec = whole, .tv_nsec = static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
    itimerspec when{.it_interval = period, .it_value = period};
    timerfd_settime(fd.get(), 0, &when, nullptr);
    return fd;
}

UniqueFd make_signal_fd() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

int64_t unix_ns_now() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class Session : public RecordSink {
public:
    Session(const SessionOptions& options, const SessionEvents& events)
        : options_(options), events_(events), builder_(options.report) {}

    std::optional<SessionError> run();
    void on_record(const Record& record) override;

private:
    std::optional<SessionError> start();
    std::optional<SessionError> start_command();
    std::optional<SessionError> check_attached();
    void watch(int fd, Wake wake, uint32_t events = EPOLLIN);
    void loop();
    void end();
    void handle(Wake wake);
    void tick();
    void look_after_targets();
    void look_for_exits();
    void begin_again(Target& target);
    bool report(bool final);
    void settle();
    void keep_up();
    std::optional<uint64_t> young_age();
    bool keep_up_while_writing();
    Target* target_of(uint16_t slot);
    PlanOptions plan_options(pid_t pid) { return plan_options_for(root_, pid, options_.heap, options_.mappings); }
    double attached_s() const { return static_cast<double>(monotonic_ns() - start_ns_) / 1e9; }

    const SessionOptions& options_;
    const SessionEvents& events_;
    ProcRoot root_;
    std::optional<CommandChild> child_;
    std::optional<Tracer> tracer_;
    std::optional<LiveSource> source_;
    std::optional<Aggregator> aggregator_;
    RecordBuffer buffer_;
    uint64_t kept_up_ns_ = 0;
    uint64_t signal_seen_ns_ = 0;
    uint64_t swept_ns_ = 0;
    ReportBuilder builder_;
    CoverageMeter coverage_;
    std::list<Target> targets_;
    uint32_t next_probe_ = 0;
    uint16_t next_slot_ = 0;
    uint64_t start_ns_ = 0;
    std::optional<double> end_s_;
    uint64_t reports_ = 0;
    unsigned forks_ = 0;
    unsigned forks_sharing_memory_ = 0;
    bool stop_ = false;
    std::string end_reason_;
    UniqueFd epoll_;
    UniqueFd tick_timer_;
    UniqueFd interval_timer_;
    UniqueFd signals_;
};

Target* Session::target_of(uint16_t slot) {
    auto found = std::ranges::find_if(targets_, [&](const Target& target) { return target.slot() == slot; });
    return found == targets_.end() ? nullptr : &*found;
}

void Session::on_record(const Record& record) {
    switch (record.type) {
        case RecordType::kLoaderChanged:
            if (Target* target = target_of(record.process)) target->loader_changed = true;
            break;
        case RecordType::kExec:
            if (Target* target = target_of(record.process)) target->exec_seen = true;
            break;
        case RecordType::kFork:
            forks_++;
            if (record.flags & WH_FLAG_SHARED_MM) forks_sharing_memory_++;
            break;
        default: aggregator_->on_record(record);
    }
}

std::optional<SessionError> Session::start() {
    for (pid_t pid : options_.pids)
        if (auto refusal = check_traceable(root_, pid)) return refusal;
    TracerOptions tracer_options = options_.tracer;
    if (options_.choose_method)
        tracer_options.method = has_uprobe_multi() ? AttachMethod::kUprobeMulti : AttachMethod::kPerf;
    auto tracer = Tracer::load(tracer_options);
    if (!tracer) {
        FailureKind kind = FailureKind::kOther;
        if (tracer.error().code == ErrorCode::kPermission) kind = FailureKind::kNoRights;
        if (tracer.error().code == ErrorCode::kUnsupported) kind = FailureKind::kKernel;
        return SessionError{kind, std::move(tracer).error()};
    }
    tracer_ = *std::move(tracer);
    auto source = LiveSource::open(*tracer_);
    if (!source) return SessionError{FailureKind::kOther, std::move(source).error()};
    source_ = *std::move(source);
    aggregator_.emplace(tracer_->config().no_stack_base);
    signals_ = make_signal_fd();
    start_ns_ = monotonic_ns();
    if (!options_.command.empty()) return start_command();
    for (pid_t pid : options_.pids) {
        Target& target = targets_.emplace_back(root_, pid, next_slot_++);
        if (auto attached = target.attach(*tracer_, plan_options(pid), next_probe_); !attached) {
            FailureKind kind =
                attached.error().code == ErrorCode::kNotFound ? FailureKind::kUntraceable : FailureKind::kOther;
            return SessionError{kind, std::move(attached).error()};
        }
    }
    return check_attached();
}

std::optional<SessionError> Session::start_command() {
    auto child = CommandChild::fork_waiting(options_.command);
    if (!child) return SessionError{FailureKind::kUntraceable, std::move(child).error()};
    child_ = *std::move(child);
    Target& target = targets_.emplace_back(root_, child_->pid(), next_slot_++);
    auto attached = target.attach_before_exec(*tracer_, child_->path(), plan_options(child_->pid()), next_probe_);
    if (!attached) return SessionError{FailureKind::kUntraceable, std::move(attached).error()};
    events_.on_progress(fmt::format("attached to {} (pid {}), running it", options_.command[0], child_->pid()));
    child_->go();
    return std::nullopt;
}

std::optional<SessionError> Session::check_attached() {
    for (Target& target : targets_) {
        size_t probes = target.probes().probes().size();
        if (target.acquiring_probe_count() == 0) {
            std::string why = target.skipped().empty() ? "it maps no library with functions that we know"
                                                       : target.skipped()[0].what + ": " + target.skipped()[0].why;
            return SessionError{FailureKind::kNothingAttached,
                                {ErrorCode::kNotFound, fmt::format("nothing could be attached in process {}: {}; "
                                                                   "`whoholds plan -p {}` shows what was looked at",
                                                                   target.pid(), why, target.pid())}};
        }
        events_.on_progress(fmt::format("attached to {} (pid {}): {} functions, {} ms", target.describe().command,
                                        target.pid(), probes, (monotonic_ns() - start_ns_) / 1'000'000));
    }
    return std::nullopt;
}

void Session::watch(int fd, Wake wake, uint32_t events) {
    epoll_event event{.events = events, .data = {.u32 = static_cast<uint32_t>(wake)}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

std::optional<SessionError> Session::run() {
    if (auto failed = start()) return failed;
    // Best effort: a target that keeps all processors busy must not starve the reader of its rings.
    setpriority(PRIO_PROCESS, 0, kPriority);
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    tick_timer_ = make_timer(kTickS);
    interval_timer_ = make_timer(options_.interval_s);
    // Edge-triggered: there is always something in the ring of a busy target, we come when the programs call us.
    watch(tracer_->ring_fd(), Wake::kRing, EPOLLIN | EPOLLET);
    watch(tracer_->backlog_fd(), Wake::kRing, EPOLLIN | EPOLLET);
    watch(tick_timer_.get(), Wake::kTick);
    watch(interval_timer_.get(), Wake::kInterval);
    watch(signals_.get(), Wake::kSignal);
    for (Target& target : targets_) watch(target.pidfd(), Wake::kProcess);
    loop();
    for (Target& target : targets_) target.observe(attached_s());
    end();
    return std::nullopt;
}

void Session::end() {
    // Closing the gate ends the counting at once. Taking perf uprobes away costs 60 to 190 ms each: the report need not wait.
    for (Target& target : targets_) tracer_->stop_process(target.slot());
    end_s_ = attached_s();
    bool report_first = tracer_->options().method == AttachMethod::kPerf;
    if (report_first) {
        report(true);
        events_.on_progress("detaching ...");
    }
    for (Target& target : targets_) target.detach(*tracer_);
    if (!report_first) report(true);
}

void Session::loop() {
    while (!stop_) {
        epoll_event ready[16];
        int count = epoll_wait(epoll_.get(), ready, std::size(ready), -1);
        if (count < 0 && errno != EINTR) return;
        for (int i = 0; i < count && !stop_; i++) handle(static_cast<Wake>(ready[i].data.u32));
    }
}

void Session::handle(Wake wake) {
    uint64_t expirations = 0;
    switch (wake) {
        case Wake::kRing: source_->round(*this, young_age()); break;
        case Wake::kTick:
            if (read(tick_timer_.get(), &expirations, sizeof(expirations)) > 0) tick();
            break;
        case Wake::kInterval:
            if (read(interval_timer_.get(), &expirations, sizeof(expirations)) <= 0) break;
            if (options_.count && reports_ + 1 >= *options_.count) {
                end_reason_ = "the requested number of reports";
                stop_ = true;
            } else if (!report(false)) {
                stop_ = true;
            }
            break;
        case Wake::kSignal: {
            signalfd_siginfo info{};
            if (read(signals_.get(), &info, sizeof(info)) > 0) {
                end_reason_ = info.ssi_signo == SIGINT ? "interrupted" : "asked to end";
                stop_ = true;
            }
            break;
        }
        case Wake::kProcess: look_for_exits(); break;
    }
    if (options_.duration_s && attached_s() >= *options_.duration_s && !stop_) {
        end_reason_ = "the requested duration";
        stop_ = true;
    }
    look_after_targets();
}

// From which age on the young are taken out of the kernel's table; all of them if it overflows. Looking through the table takes
// half a millisecond, so it is not done with every wake-up.
std::optional<uint64_t> Session::young_age() {
    uint64_t now_ns = monotonic_ns();
    if (now_ns - swept_ns_ < kSweepNs) return std::nullopt;
    swept_ns_ = now_ns;
    return source_->under_pressure() ? 0 : static_cast<uint64_t>(options_.young_age_s * 1e9);
}

void Session::tick() { source_->round(*this, young_age()); }

void Session::look_after_targets() {
    for (Target& target : targets_) {
        if (target.exited()) continue;
        if (target.exec_seen) begin_again(target);
        if (!target.loader_changed) continue;
        bool stopped = target.waits_at_loader;
        target.attach_new_modules(*tracer_, plan_options(target.pid()), next_probe_);
        if (!stopped || !child_) continue;
        // glibc calls its hook before it maps the libraries, and again when they are ready; musl once.
        if (target.acquiring_probe_count() > 0) target.stop_no_more(*tracer_);
        child_->resume();
    }
}

void Session::begin_again(Target& target) {
    target.exec_seen = false;
    if (child_ && target.exec_count == 0 && target.pid() == child_->pid()) {
        target.exec_count++;  // the exec that we waited for
        target.observe(attached_s());
        return;
    }
    events_.on_progress(fmt::format("pid {} executed another program; what it held has ended", target.pid()));
    source_->end_process(*this, target.slot(), monotonic_ns());
    target.detach(*tracer_);
    target.begin_again(next_slot_++);
    auto attached = target.attach(*tracer_, plan_options(target.pid()), next_probe_);
    if (!attached) events_.on_progress(attached.error().message);
}

void Session::look_for_exits() {
    for (Target& target : targets_) {
        if (target.exited()) continue;
        epoll_event unused{};
        auto status = read_status(root_, target.pid());
        if (status && status->state != 'Z' && status->state != 'X') continue;
        target.note_exit(attached_s());
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, target.pidfd(), &unused);
        events_.on_progress(fmt::format("pid {} has exited", target.pid()));
    }
    if (std::ranges::all_of(targets_, [](const Target& target) { return target.exited(); })) {
        end_reason_ = targets_.size() == 1 ? "the process exited" : "all processes exited";
        stop_ = true;
    }
}

// Reads the rings to where they are now.
void Session::settle() {
    for (int i = 0; i < kSettleRounds; i++) {
        if (source_->round(*this, young_age())) return;
        usleep(100);  // a thread of the target is in the middle of writing a record
    }
}

// While a report is made, which may take long, the rings are read into a buffer.
void Session::keep_up() {
    uint64_t now_ns = monotonic_ns();
    if (now_ns - kept_up_ns_ < kKeepUpNs || buffer_.is_full()) return;
    kept_up_ns_ = now_ns;
    source_->round(buffer_, young_age());
}

bool Session::keep_up_while_writing() {
    keep_up();
    pollfd signals{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    if (poll(&signals, 1, 0) <= 0) {
        signal_seen_ns_ = 0;
        return true;
    }
    if (signal_seen_ns_ == 0) signal_seen_ns_ = monotonic_ns();
    return monotonic_ns() - signal_seen_ns_ < kPatienceNs;
}

bool Session::report(bool final) {
    double time_s = end_s_.value_or(attached_s());
    settle();
    source_->census(*this);
    uint64_t now_ns = monotonic_ns();
    const Aggregator::Pause pause = [this] { keep_up(); };
    Profile profile = aggregator_->make_profile(now_ns, options_.report.filter, pause);
    builder_.sample(profile, time_s);
    if (!final) reports_++;
    if (options_.only_final && !final) {
        buffer_.flush_to(*this);
        return true;
    }
    Report report;
    report.seq = final ? reports_ : reports_ - 1;
    report.time = iso8601_utc(unix_ns_now());
    report.attached_s = time_s;
    report.final = final;
    report.end_reason = final ? end_reason_ : "";
    report.sorted_by = options_.report_labels.sorted_by;
    report.selection = options_.report_labels.selection;
    for (Target& target : targets_) {
        if (!final) target.observe(time_s);
        ProcessReport process = target.describe();
        builder_.fill(*aggregator_, profile, target.view(), now_ns, pause, process, report.coverage);
        coverage_.add_target(*tracer_, target, process, report.coverage);
        report.processes.push_back(std::move(process));
    }
    coverage_.finish(*tracer_, *aggregator_, time_s, report.coverage);
    if (forks_ > 0)
        report.coverage.notes.push_back(
            fmt::format("{} child processes were forked; what they hold is not counted", forks_));
    if (forks_sharing_memory_ > 0)
        report.coverage.notes.push_back(fmt::format(
            "{} of them shared the memory for a while (vfork, posix_spawn); what they took or released then "
            "is not seen",
            forks_sharing_memory_));
    if (child_)
        if (std::string text = child_->status_text(); !text.empty()) report.coverage.notes.push_back(text);
    bool reader_is_there = events_.on_report(report, [this] { return keep_up_while_writing(); });
    buffer_.flush_to(*this);
    return reader_is_there;
}

}  // namespace

std::optional<SessionError> run_session(const SessionOptions& options, const SessionEvents& events) {
    return Session(options, events).run();
}

}  // namespace whoholds
