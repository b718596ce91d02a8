// Target: one traced process at the edge: is it traceable, what is attached, which libraries are new. Used by the session only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analyze/go_rows.h"
#include "analyze/go_types.h"
#include "analyze/growth.h"
#include "analyze/history.h"
#include "analyze/report_builder.h"
#include "analyze/thresholds.h"
#include "attach/attach_plan.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "bpf/attach.h"
#include "bpf/go_samples.h"
#include "bpf/js_sampling.h"
#include "bpf/python_following.h"
#include "bpf/session.h"
#include "bpf/tracer.h"
#include "bpf/v8_following.h"
#include "proc/process.h"
#include "profile/goroutine_book.h"
#include "runtime/go/call_site_types.h"
#include "runtime/go/go_process.h"
#include "symbolize/debug_downloads.h"
#include "symbolize/go_hand_on.h"
#include "symbolize/symbolizer.h"
#include "unwind/libdw_unwinder.h"

namespace whoholds {

// nullopt: the process can be traced.
std::optional<SessionError> check_traceable(const ProcRoot& root, pid_t pid);

// What the plan for this process may contain: return probes are refused where they would kill it (T5).
PlanOptions plan_options_for(const ProcRoot& root, pid_t pid, const WantedKinds& wanted);

class Target {
public:
    Target(ProcRoot root, pid_t pid, uint16_t slot);

    // Who is told when reading names takes long, and where debug files come from (may be null; outlives this).
    void set_up_names(std::function<void(const std::string&)> progress, DebugDownloads* downloads);

    // Plans and attaches what is mapped now, then opens the gate.
    // time_s: since the session began, as everywhere below.
    Result<void> attach(Tracer& tracer, const PlanOptions& options, AttachPool& pool, double time_s);
    // It executed another program while we attached.
    [[nodiscard]] bool has_moved_on(Tracer& tracer) const;
    // The same for a command that is about to be executed: from its files, before they are mapped.
    Result<void> attach_before_exec(Tracer& tracer, const std::string& path, const PlanOptions& options,
                                    AttachPool& pool);
    // Attaches to files mapped since. Returns how many probes were added.
    size_t attach_new_modules(Tracer& tracer, const PlanOptions& options, AttachPool& pool);
    // Looks at what is mapped now, for the unwind tables and the symboliser. Returns the mappings.
    Result<std::vector<Mapping>> look_at_mappings(Tracer& tracer);
    // The same where it is due: code that is made at run time comes without notice.
    void look_again(Tracer& tracer, uint64_t now_ns);
    // Walks a stack that the kernel part could not finish. nullopt: other code is mapped by now.
    std::optional<UnwoundStack> finish(const wh_snapshot_record& snapshot);
    // After an exec: everything anew under another slot.
    void begin_again(uint16_t slot);
    void detach(Tracer& tracer, AttachPool& pool);
    // Its slot and its counters are for others now; it is never reported again.
    void give_back(Tracer& tracer, AttachPool& pool);
    // Our child's libraries are attached to: from now on it passes the dynamic linker's hook without a stop.
    void stop_no_more(Tracer& tracer);

    // Reads memory use and the like; keeps the last known values once the process is gone.
    void observe(double time_s);
    // A program has begun under our eyes: what Go it may be has nothing from before.
    void begin_go_with_nothing();
    void want_go(const GoWanted& wanted) { go_wanted_ = wanted; }
    // Its runtime is one that can be read, and something of it is wanted.
    [[nodiscard]] bool reads_go() const { return go_ && go_wanted_.any(); }
    // Reads what the runtime of a Go program knows; nothing of other programs. time_s: of the session.
    void look_at_go(double time_s, const std::function<void()>& pause);
    [[nodiscard]] const GoRows& go_rows() const { return go_rows_; }
    void fill_go_types(size_t top, double time_s, const std::function<void()>& pause, ProcessReport& report,
                       Coverage& coverage);
    // Compares again what led to descriptors when the heap was read.
    void confirm_go_holders();
    // Who holds a descriptor of a Go program; "" when not known.
    [[nodiscard]] std::string_view go_holder_of(uint32_t descriptor) const {
        return go_descriptor_holders_.way_to(descriptor);
    }
    void want_go_samples(GoSamplesMode mode) { go_samples_mode_ = mode; }
    [[nodiscard]] GoSampling& go_samples() { return go_samples_; }
    [[nodiscard]] const GoSampling& go_samples() const { return go_samples_; }
    // Begins to sample the allocations of a Go program that has no heap profile, and keeps that within its budget.
    void tend_go_samples(Tracer& tracer, AttachPool& pool, uint64_t now_ns);
    // Asks which samples are still there, where a collection has ended.
    void judge_go_samples(uint64_t now_ns);
    // Adds the heap of a Go program that has no profile.
    void fill_go_heap(const ReportOptions& options, GoHeapSources sources, ProcessReport& report, Coverage& coverage);
    // Of stacks of Go in what was found: which functions hand on what they were given. Returns whether there are any.
    bool mark_who_hands_on(ProcessReport& report, const std::function<void()>& pause);
    void want_js_samples(bool wanted) { wants_js_samples_ = wanted; }
    [[nodiscard]] JsSampling& js_samples() { return js_samples_; }
    [[nodiscard]] const JsSampling& js_samples() const { return js_samples_; }
    [[nodiscard]] bool follows_js_heap() const { return js_samples_.is_followed(); }
    // Begins to sample the allocations of JavaScript code, if it has any.
    void tend_js_samples(Tracer& tracer, AttachPool& pool);
    void take_js_census(Tracer& tracer, double time_s, const std::function<void()>& pause,
                        const std::function<const StackInfo*(uint32_t stack)>& find_stack,
                        const JsSampleBook::Emit& emit);
    // What is known of rows of JavaScript's heap alone.
    void fill_js_rows(ProcessReport& process) const;
    // Looks whether its Python interpreter is one that can be followed, until that is known.
    void look_at_python(Tracer& tracer);
    [[nodiscard]] PythonFollowing& python() { return python_; }
    // Looks whether the functions of its JavaScript can be read.
    void look_at_v8(Tracer& tracer);
    [[nodiscard]] V8Following& v8() { return v8_; }
    // Creation and end of its goroutines are seen.
    [[nodiscard]] bool traces_goroutines() const { return go_is_followed_; }
    // Those that the last look saw, if creation and end are seen too; nullopt: there is nothing to compare.
    [[nodiscard]] std::optional<GoroutineList> listed_goroutines() const;
    [[nodiscard]] bool go_began_with_nothing() const { return go_began_with_nothing_; }
    void note_exit(double time_s);
    // All that it does is counted from now on; it was forked, or executed what it runs, at this time (0: not known).
    void note_missed_start(uint64_t began_ns, bool by_exec);
    // The same after an exec; where it is not known when that was, since when it is known to run.
    void note_missed_exec();
    [[nodiscard]] const std::string& command() const { return base_.command; }
    [[nodiscard]] bool exited() const { return base_.exited; }
    // The kernel says that the last of its threads is gone.
    [[nodiscard]] bool has_ended() const;
    [[nodiscard]] ProcessReport describe(double time_s) const;
    // "gdb (pid 4711)": who was seen to trace it by ptrace; "" nobody.
    [[nodiscard]] const std::string& debugger() const { return debugger_; }
    [[nodiscard]] ProcessView view();

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] uint16_t slot() const { return slot_; }
    [[nodiscard]] int pidfd() const { return pidfd_.get(); }
    [[nodiscard]] const AttachedProbes& probes() const { return probes_; }
    [[nodiscard]] const std::vector<Skipped>& skipped() const { return skipped_; }
    [[nodiscard]] size_t acquiring_probe_count() const;
    // Heap or mappings are wanted, and no function that takes them could be probed.
    [[nodiscard]] bool misses_memory() const;
    // "12 functions, 67 system calls"
    [[nodiscard]] std::string attached_text() const;
    [[nodiscard]] uint32_t host_tgid() const { return host_tgid_; }

    // Descriptors or threads are followed, whether functions could be probed or not.
    [[nodiscard]] bool follows_resources() const { return follows_resources_; }
    // The kernel's tables as they were seen last.
    std::vector<wh_seen_descriptor> seen_descriptors;
    std::vector<wh_seen_thread> seen_threads;

    History history;
    ThresholdWatch threshold_watch;

    bool loader_changed = false;
    bool mappings_changed = false;
    bool exec_seen = false;
    uint64_t exec_ns = 0;          // when; 0: not known
    bool waits_at_loader = false;  // our own child, stopped until its libraries have been attached to
    bool stops_at_exec = false;    // our own child, if it is static
    unsigned exec_count = 0;

private:
    void look_for_go_code(const std::vector<Mapping>& fresh);
    [[nodiscard]] uint64_t bytes_to_spare() const;
    void look_at_go_types(double time_s, const std::function<void()>& pause);
    void find_where_types_are_made(ProcessReport& report, const std::function<void()>& pause);
    void attach_plan(Tracer& tracer, AttachPlan plan, const PlanOptions& options, AttachPool& pool);
    // One Go runtime of a process is followed, the first one: numbers of goroutines are unique in a runtime only.
    void choose_go_module(AttachPlan& plan);
    void follow_goroutines(Tracer& tracer, const std::vector<Mapping>& maps);
    void attach_earlier_sites(Tracer& tracer, const std::vector<Mapping>& maps, const std::vector<Mapping>& fresh,
                              const PlanOptions& options, AttachPool& pool);
    void look_for_python(Tracer& tracer, const std::vector<Mapping>& maps);
    void note_python(bool was_refused);
    void look_for_v8(Tracer& tracer, const std::vector<Mapping>& maps);
    void note_v8(bool was_refused);
    void look_at_go_heap(GoReadings& readings, double time_s);
    [[nodiscard]] uint64_t executable_pages(Tracer& tracer) const;

    ProcRoot root_;
    pid_t pid_;
    uint16_t slot_;
    UniqueFd pidfd_;
    uint32_t host_tgid_ = 0;
    uint64_t memory_ = 0;  // the address space that was attached to, as the kernel names it
    double attached_at_s_ = 0;
    Symbolizer symbolizer_;
    std::optional<LibdwUnwinder> unwinder_;
    uint32_t layout_ = 0;
    bool wants_memory_ = false;
    bool follows_resources_ = false;
    uint32_t gate_flags_ = 0;  // wh_process_flag: what is followed besides calls
    std::optional<DescriptorMethod> descriptor_method_;
    std::string descriptor_why_;
    struct LookedAt {
        uint32_t removals;
        uint64_t exec_pages;
    };
    std::optional<LookedAt> looked_at_;  // when the mappings were read; nullopt: they changed meanwhile
    bool has_jit_ = false;
    std::function<void(const std::string&)> progress_;
    DebugDownloads* downloads_ = nullptr;
    uint64_t looked_ns_ = 0;
    AttachedProbes probes_;
    bool loader_is_hooked_ = false;
    std::vector<Skipped> skipped_;
    std::set<std::pair<uint64_t, uint64_t>> planned_files_;  // device, inode
    std::vector<AddressRange> own_mapping_code_;
    std::vector<AddressRange> go_mapping_code_;
    std::vector<AddressRange> libc_code_;
    ProcessReport base_;
    uint64_t began_ns_ = 0;  // of note_missed_start()
    std::string debugger_;
    struct GoModule {
        std::string path;
        std::pair<uint64_t, uint64_t> file;  // device, inode
        PlannedGoProcess planned;
    };
    std::optional<GoModule> go_module_;
    bool go_is_followed_ = false;
    bool go_began_with_nothing_ = false;
    uint64_t go_looked_ns_ = 0;
    std::optional<GoProcess> go_;
    GoWanted go_wanted_;
    bool may_be_go_ = true;  // it is not known yet whether there is Go in it
    std::vector<std::string> go_wait_reasons_;
    GoRows go_rows_;
    GoTypeReader go_type_reader_;
    GoCallSiteTypes go_call_site_types_;
    GoTypeLedger go_types_;
    double go_types_cost_s_ = 0;  // of the last look, processor time
    GoDescriptorHolders go_descriptor_holders_;
    GoSamplesMode go_samples_mode_ = GoSamplesMode::kAuto;
    GoSampling go_samples_;
    std::string go_samples_why_not_;
    bool has_go_profile_ = true;             // as of the last look
    std::optional<GoHeapEstimate> go_heap_;  // where there is no profile
    GoHandOn go_hand_on_;
    bool wants_js_samples_ = true;
    bool may_have_new_v8_ = true;  // its mappings were not looked at since they changed
    JsSampling js_samples_;
    PythonFollowing python_;
    V8Following v8_;
    std::optional<uint64_t> first_rss_bytes_;
    GrowthSeries rss_growth_;
    double observed_s_ = 0;
};

}  // namespace whoholds
