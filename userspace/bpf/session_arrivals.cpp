// The part of a session that knows processes which come later, by what the user selected or by fork, and those that go.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/human.h"
#include "bpf/session_state.h"
#include "proc/stat.h"

namespace whoholds {

namespace {

constexpr uint64_t kLookNs = 500'000'000;  // /proc is looked through; execs and forks are told at once
constexpr uint64_t kAttachNs =
    200'000'000;                        // spent on arrivals before the rings, timers and signals are looked at again
constexpr size_t kMostExpected = 4096;  // execs
constexpr size_t kMostRefused = 4096;
constexpr size_t kMostExited = 256;  // kept for the next report
constexpr size_t kFewSlots = 64;
constexpr uint64_t kMostSaid = 50;  // lines about single processes

uint64_t start_of(const ProcRoot& root, pid_t pid) {
    const auto stat = read_stat(root, pid);
    return stat ? stat->start_ticks : 0;
}

}  // namespace

Target* Session::target_with(pid_t pid) {
    auto found =
        std::ranges::find_if(targets_, [&](const Target& target) { return target.pid() == pid && !target.exited(); });
    return found == targets_.end() ? nullptr : &*found;
}

// Where thousands come and go, standard error is not the place to follow them.
void Session::say(const std::string& line) {
    if (has_arrivals() && ++arrived_.said > kMostSaid) return;
    events_.on_progress(line);
    if (arrived_.said == kMostSaid) events_.on_progress("(no more lines about single processes)");
}

void Session::on_fork(const Record& record) {
    const bool shares_memory = (record.flags & WH_FLAG_SHARED_MM) != 0;
    if (record.process != WH_NO_PROCESS) {
        forks_++;
        if (shares_memory) forks_sharing_memory_++;
    }
    const auto child = static_cast<pid_t>(record.size);
    if (!has_arrivals() || child == 0) return;
    if (!shares_memory)
        arrivals_.push_back({child, options_.follow, record.time_ns, false});
    else if (options_.follow && expects_exec_.size() < kMostExpected)
        expects_exec_.insert(child);
}

void Session::on_exec(const Record& record) {
    if (Target* target = target_of(record.process)) {
        target->exec_seen = true;
        target->exec_ns = record.time_ns;
        return;
    }
    const auto pid = static_cast<pid_t>(record.size);
    if (!has_arrivals() || pid == 0) return;
    if (Target* target = target_with(pid)) target->exec_ns = record.time_ns;  // before it was traced
    refused_.erase(pid);
    if (expects_exec_.erase(pid) > 0)
        arrivals_.push_back({pid, true, record.time_ns, true});
    else if (!selection_.is_empty())
        arrivals_.push_back({pid, false, record.time_ns, true});
}

// For those whose exec was not told (the ring was full), and for what changes without one: a name, a cgroup.
void Session::look_for_processes() {
    const uint64_t now_ns = monotonic_ns();
    end_if_all_exited();
    if (selection_.is_empty() || now_ns - looked_for_processes_ns_ < kLookNs) return;
    looked_for_processes_ns_ = now_ns;
    auto pids = selected_processes(root_, selection_, getpid());
    if (!pids) return;
    for (pid_t pid : *pids)
        if (!target_with(pid) && !is_refused(pid)) arrivals_.push_back({.pid = pid});
}

std::optional<SessionError> Session::start_selected() {
    if (!options_.wait_for_first) widen_if_hidden(root_, selection_, getpid());
    auto pids = selected_processes(root_, selection_, getpid());
    if (!pids) return SessionError{FailureKind::kOther, std::move(pids).error()};
    looked_for_processes_ns_ = monotonic_ns();
    for (pid_t pid : *pids) attach_later({.pid = pid});
    if (!targets_.empty()) return std::nullopt;
    if (refusal_) return refusal_;
    if (options_.wait_for_first) {
        events_.on_progress(fmt::format("waiting for the first process of: {}", selection_.words()));
        return std::nullopt;
    }
    return SessionError{
        FailureKind::kUntraceable,
        {ErrorCode::kNotFound,
         fmt::format("no process matches {}; with --wait whoholds waits for the first one", selection_.words())}};
}

bool Session::is_refused(pid_t pid) const {
    auto refused = refused_.find(pid);
    return refused != refused_.end() && refused->second == start_of(root_, pid);
}

void Session::refuse(pid_t pid, SessionError why) {
    const uint64_t start = start_of(root_, pid);
    if (start == 0 || why.error.code == ErrorCode::kNotFound) {
        arrived_.gone++;
        return;
    }
    arrived_.refused++;
    if (refused_.size() >= kMostRefused) refused_.clear();
    refused_[pid] = start;
    say(why.error.message);
    if (!refusal_) refusal_ = std::move(why);
}

void Session::attach_arrivals() {
    const uint64_t end_ns = monotonic_ns() + kAttachNs;
    while (!arrivals_.empty() && !stop_ && monotonic_ns() < end_ns) {
        const Arrival arrival = arrivals_.front();
        arrivals_.pop_front();
        attach_later(arrival);
    }
}

void Session::attach_later(const Arrival& arrival) {
    const uint64_t begin_ns = monotonic_ns();
    const pid_t pid = arrival.pid;
    if (Target* target = target_with(pid)) {
        if (!arrival.by_exec) return;
        target->exec_ns = arrival.began_ns;  // it was found in /proc before its exec was read from the ring
        target->note_missed_start(arrival.began_ns, true);
        return;
    }
    if (!arrival.is_wanted && !is_selected(root_, pid, selection_)) return;
    if (auto refusal = check_traceable(root_, pid)) return refuse(pid, *std::move(refusal));
    if (slots_.free_count() == 0) forget_exited(0);
    Target* target = add_target(pid);
    if (!target) {
        arrived_.without_room++;
        return;
    }
    auto attached = target->attach(*tracer_, plan_options(pid), pool_, attached_s());
    if (!attached) {
        target->detach(*tracer_, pool_);
        forget_slot(*target);
        targets_.pop_back();
        return refuse(pid, {FailureKind::kOther, std::move(attached).error()});
    }
    arrived_.attached++;
    target->note_missed_start(arrival.began_ns, arrival.by_exec);
    if (epoll_) watch(target->pidfd(), Wake::kProcess);
    // At once: no report is to show probes that count nothing.
    if (target->has_moved_on(*tracer_)) begin_again(*target);
    if (target->loader_changed) target->attach_new_modules(*tracer_, plan_options(pid), pool_);
    compare_with_kernel(*target, Origin::kBeforeAttach);
    look_at_go(*target);
    say(fmt::format("attached to {} (pid {}): {}, {} ms", target->describe(0).command, pid, target->attached_text(),
                    (monotonic_ns() - begin_ns) / 1'000'000));
}

void Session::look_for_exits() {
    size_t exited = 0;
    for (Target& target : targets_) {
        if (!target.exited() && target.has_ended()) {
            epoll_event unused{};
            target.note_exit(attached_s());
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, target.pidfd(), &unused);
            say(fmt::format("pid {} has exited", target.pid()));
            if (has_arrivals()) target.detach(*tracer_, pool_);
        }
        if (target.exited()) exited++;
    }
    if (has_arrivals() && (exited > kMostExited || slots_.free_count() < kFewSlots)) forget_exited(kMostExited / 2);
    end_if_all_exited();
}

void Session::end_if_all_exited() {
    if (stop_ || !selection_.is_empty()) return;  // others may come
    if (std::ranges::any_of(targets_, [](const Target& target) { return !target.exited(); })) return;
    if (options_.follow) {
        pump();  // the last thing that they did may have been a fork
        if (!arrivals_.empty() || !expects_exec_.empty()) {
            std::erase_if(expects_exec_, [this](pid_t pid) { return start_of(root_, pid) == 0; });
            return;
        }
    }
    end_reason_ = targets_.size() == 1 ? "the process exited" : "all processes exited";
    stop_ = true;
}

// Whatever is known by the slot. The target is detached, and what it sent was read.
void Session::forget_slot(Target& target) {
    const uint16_t slot = target.slot();
    builder_.forget_process(slot, aggregator_->forget_process(slot));
    descriptors_.end_process(slot);
    threads_.end_process(slot);
    goroutines_.end_process(slot);
    failed_connects_.forget(slot);
    std::erase_if(unfinished_, [slot](const auto& snapshot) { return snapshot->process == slot; });
    target.give_back(*tracer_, pool_);
    slots_.give_back(slot);
}

// All that have exited but for the last `keep`.
void Session::forget_exited(size_t keep) {
    auto has_exited = [](const Target& target) { return target.exited(); };
    auto exited = static_cast<size_t>(std::ranges::count_if(targets_, has_exited));
    if (exited <= keep) return;
    settle();
    std::vector<bool> slots(WH_MAX_PROCESSES);
    size_t left = exited - keep;
    for (const Target& target : targets_)
        if (target.exited() && left > 0) {
            slots[target.slot()] = true;
            left--;
        }
    source_->forget_young(slots);
    if (keep > 0) arrived_.not_listed += exited - keep;
    for (auto target = targets_.begin(); target != targets_.end();) {
        if (!target->exited() || !slots[target->slot()]) {
            ++target;
            continue;
        }
        forget_slot(*target);
        target = targets_.erase(target);
    }
}

void Session::add_arrival_notes(Coverage& coverage) const {
    if (!has_arrivals()) return;
    auto note = [&](uint64_t count, const char* what) {
        if (count > 0) coverage.notes.push_back(fmt::format("{}: {}", what, exact_count(count)));
    };
    if (selection_.whose_container_is_hidden)
        coverage.notes.push_back(
            "no control group shows here which container a process is in: all in this PID namespace are taken for the "
            "container's, but those of whoholds' own");
    note(arrived_.attached, "processes attached to since the start, as they were selected or forked");
    note(arrived_.gone, "processes that ended before they could be attached to, what they did is not seen");
    note(arrived_.refused, "processes that could not be attached to");
    note(arrived_.without_room, "processes not attached to, because too many were traced at once");
    note(arrived_.not_listed, "processes that ended and are not listed in any report, because there were too many");
    if (options_.follow && arrived_.attached > 0)
        coverage.notes.push_back(
            "followed children are exact from the moment they were attached to, some milliseconds after the fork; heap "
            "that "
            "they inherited is their parent's and not listed");
    note(pool_.numbers.shared_count(), "probes whose hits are counted for several processes together");
}

}  // namespace whoholds
