// The part of a session that loads the programs and attaches to the processes.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <csignal>
#include <tuple>

#include "bpf/session_state.h"
#include "proc/oom_score.h"
#include "proc/rights.h"

namespace whoholds {

namespace {

UniqueFd make_signal_fd() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// A process takes some ten descriptors: its links, its files.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

// Only where the user named servers; without downloads names may be missing, nothing else.
void Session::start_downloads() {
    auto options = DebugDownloads::options_from_environment();
    if (!options) return;
    auto downloads = DebugDownloads::start(*options);
    if (downloads)
        downloads_ = *std::move(downloads);
    else
        events_.on_progress("no debug files from debuginfod: " + downloads.error().message);
}

PlanOptions Session::plan_options(pid_t pid) {
    PlanOptions plan = plan_options_for(root_, pid, options_.wanted);
    plan.cheap_detach = tracer_->options().method == AttachMethod::kUprobeMulti;
    return plan;
}

// nullptr: there are as many as there can be.
Target* Session::add_target(pid_t pid) {
    const auto slot = slots_.take();
    if (!slot) return nullptr;
    Target& target = targets_.emplace_back(root_, pid, *slot);
    target.set_up_names(events_.on_progress, downloads_ ? &*downloads_ : nullptr);
    GoWanted go = options_.wanted.go;
    go.descriptors = options_.wanted.descriptors;
    target.want_go(go);
    target.want_go_samples(options_.wanted.go_samples);
    target.want_js_samples(options_.wanted.js_heap);
    return &target;
}

std::optional<SessionError> Session::start() {
    if (!options_.command.empty()) {  // first, so that it inherits nothing that is meant for us
        auto child = CommandChild::fork_waiting(options_.command);
        if (!child) return SessionError{FailureKind::kUntraceable, std::move(child).error()};
        child_ = *std::move(child);
    }
    // Where that is forbidden, the bounds of what we take (read_spare_memory) have to do.
    std::ignore = go_first_when_memory_runs_out(root_);
    raise_file_limit();
    start_downloads();
    for (pid_t pid : options_.pids)
        if (auto refusal = check_traceable(root_, pid)) return refusal;
    TracerOptions tracer_options = options_.tracer;
    if (options_.choose_method) tracer_options.method = best_attach_method();
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
    if (has_arrivals()) tracer_->watch_execs();
    if (options_.follow) tracer_->follow_forks();
    if (child_) return start_command();
    for (pid_t pid : options_.pids) {
        Target* target = add_target(pid);
        if (!target)
            return SessionError{FailureKind::kOther,
                                {ErrorCode::kLimit, fmt::format("more than {} processes at once", WH_MAX_PROCESSES)}};
        if (auto attached = target->attach(*tracer_, plan_options(pid), pool_, attached_s()); !attached) {
            FailureKind kind =
                attached.error().code == ErrorCode::kNotFound ? FailureKind::kUntraceable : FailureKind::kOther;
            return SessionError{kind, std::move(attached).error()};
        }
        if (target->has_moved_on(*tracer_)) target->exec_seen = true;
        compare_with_kernel(*target, Origin::kBeforeAttach);
        look_at_go(*target);
    }
    if (auto failed = check_attached()) return failed;
    return selection_.is_empty() ? std::nullopt : start_selected();
}

std::optional<SessionError> Session::start_command() {
    Target& target = *add_target(child_->pid());
    auto attached = target.attach_before_exec(*tracer_, child_->path(), plan_options(child_->pid()), pool_);
    if (!attached) return SessionError{FailureKind::kUntraceable, std::move(attached).error()};
    events_.on_progress(fmt::format("attached to {} (pid {}), running it", options_.command[0], child_->pid()));
    child_->go();
    return std::nullopt;
}

std::optional<SessionError> Session::perf_probes_refused() const {
    const Result<Rights> rights = read_own_rights(root_);
    if (tracer_->options().method == AttachMethod::kUprobeMulti || !rights) return std::nullopt;
    std::string why = why_no_perf_probes(*rights);
    if (why.empty()) return std::nullopt;
    return SessionError{FailureKind::kNoRights, {ErrorCode::kPermission, std::move(why)}};
}

std::optional<SessionError> Session::check_attached() {
    for (Target& target : targets_) {
        target.tend_js_samples(*tracer_, pool_);
        if (target.acquiring_probe_count() == 0 && !target.follows_resources() && !target.reads_go() &&
            !target.follows_js_heap()) {
            if (auto refusal = perf_probes_refused()) return refusal;
            std::string why = options_.wanted.only_go() ? "there is no Go code in it"
                                                        : "it maps no library with functions that we know";
            if (!target.skipped().empty()) why = target.skipped()[0].what + ": " + target.skipped()[0].why;
            return SessionError{FailureKind::kNothingAttached,
                                {ErrorCode::kNotFound, fmt::format("nothing could be attached in process {}: {}; "
                                                                   "`whoholds plan -p {}` shows what was looked at",
                                                                   target.pid(), why, target.pid())}};
        }
        events_.on_progress(fmt::format("attached to {} (pid {}): {}, {} ms", target.describe(0).command, target.pid(),
                                        target.attached_text(), (monotonic_ns() - start_ns_) / 1'000'000));
    }
    return std::nullopt;
}

}  // namespace whoholds
