// Session: the state of one run of run_session(). Declared here because its parts have a file each: session.cpp (the loop),
// session_start.cpp (load and attach), session_arrivals.cpp (processes that come and go), session_tables.cpp (descriptors and threads as the kernel has them), session_report.cpp (reports,
// and reading the rings meanwhile).
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "bpf/attach.h"
#include "bpf/command_child.h"
#include "bpf/coverage.h"
#include "bpf/live_source.h"
#include "bpf/session.h"
#include "bpf/slots.h"
#include "bpf/target.h"
#include "profile/aggregator.h"
#include "profile/failed_connects.h"
#include "profile/goroutine_book.h"
#include "profile/held_resources.h"
#include "profile/resource_book.h"
#include "stream/record_buffer.h"
#include "symbolize/debug_downloads.h"

namespace whoholds {

enum class Wake : uint8_t { kRing, kTick, kInterval, kSignal, kProcess, kDownload, kInput };

class Session : public RecordSink {
public:
    Session(const SessionOptions& options, const SessionEvents& events)
        : options_(options), events_(events), selection_(options.selection), builder_(wide(options.report)) {}

    std::optional<SessionError> run();
    void on_record(const Record& record) override;
    void expect(uint16_t process, uint8_t kind, uint64_t key) override { aggregator_->expect(process, kind, key); }

private:
    struct Arrival {
        pid_t pid = 0;
        bool is_wanted = true;  // false: if it is selected
        uint64_t began_ns = 0;  // when it was forked, or executed what it runs; 0: not known
        bool by_exec = false;
    };

    std::optional<SessionError> start();
    std::optional<SessionError> start_command();
    std::optional<SessionError> check_attached();
    std::optional<SessionError> perf_probes_refused() const;
    std::optional<SessionError> start_selected();
    [[nodiscard]] bool has_arrivals() const { return options_.follow || !selection_.is_empty(); }
    void on_fork(const Record& record);
    void on_exec(const Record& record);
    void look_for_processes();
    void attach_arrivals();
    void attach_later(const Arrival& arrival);
    bool is_refused(pid_t pid) const;
    void refuse(pid_t pid, SessionError why);
    void say(const std::string& line);
    void forget_slot(Target& target);
    void forget_exited(size_t keep);
    void end_if_all_exited();
    void add_arrival_notes(Coverage& coverage) const;
    void start_downloads();
    void take_downloads();
    Target* add_target(pid_t pid);
    void watch(int fd, Wake wake, uint32_t events = EPOLLIN);
    void loop();
    void end();
    void handle(Wake wake);
    void look_after_targets();
    void judge_js_samples(Target& target);
    void count_live_buffers(Target& target, ProcessReport& process) const;
    void look_at_thresholds();
    void look_for_exits();
    void begin_again(Target& target);
    static ReportOptions wide(ReportOptions options);
    void on_interval();
    bool report(bool final, bool is_shown = true);
    void add_notes(const Amount& own_mappings, Coverage& coverage);
    void settle();
    [[nodiscard]] bool is_in_a_book(const Record& record) const;
    void put_in_book(const Record& record);
    Result<TablePass> pass_over_descriptors(Target& target);
    Result<TablePass> pass_over_threads(Target& target);
    void compare_with_kernel(Target& target, Origin new_origin);
    // All that happened until the target was looked at has been read from the rings.
    void compare_goroutines(Target& target);
    void look_at_go(Target& target);
    [[nodiscard]] TracedGoroutines traced_goroutines(const Target& target) const;
    [[nodiscard]] std::vector<HeldDescriptor> held_descriptors(const Target& target) const;
    [[nodiscard]] std::vector<HeldThread> held_threads(const Target& target) const;
    [[nodiscard]] uint32_t stack_of(const BookEntry& entry, uint16_t slot) const;
    [[nodiscard]] HeldNow held_now(const Target& target) const;
    bool pump();
    void keep_up();
    void keep_stack(const Record& record);
    void keep_unfinished(const Record& record);
    [[nodiscard]] bool has_lasting_stack(uint32_t stack) const;
    void finish_stacks(uint64_t budget_ns);
    std::optional<uint64_t> young_age();
    bool keep_up_while_writing();
    Target* target_of(uint16_t slot);
    Target* target_with(pid_t pid);
    PlanOptions plan_options(pid_t pid);
    double attached_s() const { return static_cast<double>(monotonic_ns() - start_ns_) / 1e9; }

    const SessionOptions& options_;
    const SessionEvents& events_;
    ProcessSelection selection_;
    ProcRoot root_;
    std::optional<CommandChild> child_;
    std::optional<Tracer> tracer_;
    std::optional<LiveSource> source_;
    std::optional<Aggregator> aggregator_;
    ResourceBook descriptors_{true};
    ResourceBook threads_{false};
    GoroutineBook goroutines_;
    FailedConnects failed_connects_;
    RecordBuffer buffer_;
    std::deque<std::unique_ptr<wh_snapshot_record>> unfinished_;  // stacks to be walked here
    uint64_t kept_up_ns_ = 0;
    uint64_t signal_seen_ns_ = 0;
    uint64_t swept_ns_ = 0;
    ReportBuilder builder_;
    CoverageMeter coverage_;
    std::optional<DebugDownloads> downloads_;  // before targets_, whose symbolisers use it
    AttachPool pool_;                          // likewise
    std::list<Target> targets_;
    SlotPool slots_{WH_MAX_PROCESSES};
    std::deque<Arrival> arrivals_;         // to be attached to
    std::set<pid_t> expects_exec_;         // children in their parents' memory
    std::map<pid_t, uint64_t> refused_;    // cannot be attached to: when it was started
    std::optional<SessionError> refusal_;  // the first one
    uint64_t looked_for_processes_ns_ = 0;
    struct {
        uint64_t attached = 0;
        uint64_t gone = 0;          // before they could be attached to
        uint64_t without_room = 0;  // too many at once
        uint64_t refused = 0;
        uint64_t not_listed = 0;  // ended, and forgotten before a report
        uint64_t said = 0;
    } arrived_;
    uint64_t start_ns_ = 0;
    std::optional<double> end_s_;
    uint64_t reports_ = 0;
    uint64_t reports_out_of_turn_ = 0;
    std::vector<std::string> reasons_;  // of the next report, if it is out of turn
    uint64_t looked_at_thresholds_ns_ = 0;
    uint64_t looks_ = 0;  // at what is held; of long intervals there are several
    unsigned forks_ = 0;
    unsigned forks_sharing_memory_ = 0;
    bool stop_ = false;
    std::string end_reason_;
    UniqueFd epoll_;
    UniqueFd tick_timer_;
    UniqueFd interval_timer_;
    UniqueFd signals_;
};

}  // namespace whoholds
