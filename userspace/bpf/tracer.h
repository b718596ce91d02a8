// Tracer: the loaded BPF object and its maps, mapped into this process. Knows nothing of reports.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "bpf/js_heap_tables.h"
#include "bpf/shared/counters.h"
#include "bpf/shared/go_samples.h"
#include "bpf/shared/records.h"
#include "bpf/unwind_tables.h"
#include "runtime/v8/heap_code.h"

struct bpf_program;

namespace whoholds {

enum class AttachMethod : uint8_t {
    kUprobeMulti,
    kPerf,
    kPerfWithoutCookies,  // the programs for Linux before 5.15
};

// The best one that the running kernel has.
AttachMethod best_attach_method();

struct TracerOptions {
    uint32_t young_slots = 1u << 18;    // 32 bytes each; rounded up to a power of two
    uint32_t ring_bytes = 8u << 20;     // power of two
    uint32_t backlog_bytes = 1u << 20;  // power of two
    uint32_t max_stacks = 1u << 16;     // rounded up to a power of two
    AttachMethod method = AttachMethod::kUprobeMulti;
};

class Tracer {
public:
    // Loads the programs. Errors say what is missing (rights, BTF, kernel features) and what to do.
    static Result<Tracer> load(const TracerOptions& options);
    Tracer(Tracer&&) noexcept;
    Tracer& operator=(Tracer&&) noexcept;
    ~Tracer();

    [[nodiscard]] const TracerOptions& options() const;
    [[nodiscard]] const wh_config& config() const;
    [[nodiscard]] uint64_t kernel_memory_bytes() const;  // of the maps, without
    [[nodiscard]] uint64_t thread_state_bytes() const;   // ... what each thread of a target takes
    [[nodiscard]] int ring_fd() const;
    [[nodiscard]] int backlog_fd() const;
    [[nodiscard]] bpf_program* enter_program() const;
    [[nodiscard]] bpf_program* return_program() const;
    [[nodiscard]] bpf_program* release_program() const;
    [[nodiscard]] bpf_program* loader_program() const;
    [[nodiscard]] std::vector<bpf_program*> programs() const;  // all of them
    [[nodiscard]] bpf_program* go_program(PlannedGoProbe::Role role) const;
    [[nodiscard]] bpf_program* system_call_program() const;
    [[nodiscard]] bpf_program* go_sample_program() const;
    [[nodiscard]] bpf_program* go_marking_program() const;
    [[nodiscard]] bpf_program* js_program(V8HeapEvent event) const;
    // With kPerfWithoutCookies: one of the programs for probes, to be attached in its place.
    Result<UniqueFd> program_with_cookie(const bpf_program* program, uint64_t cookie) const;

    // Shared with the running programs: access through std::atomic_ref or read once.
    [[nodiscard]] std::span<wh_young_bucket> young() const;
    [[nodiscard]] std::span<wh_stack_bucket> stacks() const;
    [[nodiscard]] wh_stack_counters stack_counters(uint32_t stack) const;  // summed over shards
    [[nodiscard]] uint64_t probe_hits(uint32_t probe) const;               // summed over shards
    [[nodiscard]] uint64_t counter(wh_counter counter) const;

    [[nodiscard]] UnwindTables& unwind_tables() const;

    // Where the process is in the kernel; nullopt if it has no address space (any more).
    // make_threads: the programs' states of its threads are made, so that no call need wait for that.
    Result<std::optional<wh_located_task>> locate(pid_t pid, bool make_threads = false);
    // The kernel's table of descriptors, and the threads, of a process: pid as we see it, tgid of the init namespace. Empty if it
    // is gone.
    Result<std::vector<wh_seen_descriptor>> list_descriptors(pid_t pid, uint32_t tgid);
    Result<std::vector<wh_seen_thread>> list_threads(uint32_t tgid);
    // From now on the system calls of processes with WH_PROCESS_SYSTEM_CALLS are seen by a tracepoint, through which all processes
    // pass.
    Result<void> follow_system_calls();
    [[nodiscard]] bool follows_system_calls() const;
    // The gate: from then on (until stop) hits with this slot count.
    Result<void> start_process(uint16_t slot, const wh_process& process);
    void set_process(uint16_t slot, const wh_process& process);
    void set_flags(uint16_t slot, uint32_t flags);
    // From then on goroutines of this process are followed; room: so many at once keep their ancestry.
    Result<void> follow_goroutines(uint16_t slot, const wh_go_process& process, uint32_t room);
    [[nodiscard]] bool follows_goroutines(uint16_t slot) const;
    void forget_goroutines(uint16_t slot);
    // From then on stacks of this process end with the frames of the Python code that they run.
    void follow_python(uint16_t slot, const wh_python_process& process);
    void forget_python(uint16_t slot);
    // From then on stacks of this process say which functions of JavaScript they come through.
    void follow_v8(uint16_t slot, const wh_v8_process& process);
    void forget_v8(uint16_t slot);
    // Before the probes for samples of a Go program's heap are attached.
    void set_go_heap(uint16_t slot, const wh_go_heap& heap);
    // What a sample of it takes in our program, as far as it was timed.
    [[nodiscard]] std::optional<double> go_sample_ns(uint16_t slot) const;
    [[nodiscard]] JsHeapTables& js_heaps();
    void stop_process(uint16_t slot);
    // Its stacks and counters are for others now. The process is stopped and has ended, and what it sent has been read.
    void forget_process(uint16_t slot);
    // A counter of hits begins anew.
    void forget_probe(uint32_t probe);
    // Each exec on the machine is told, with process WH_NO_PROCESS if it is of none that we trace.
    void watch_execs();
    // Forks of all that traced processes fork from now on are told, with process WH_NO_PROCESS if they are of none that we trace.
    void follow_forks();

private:
    struct State;
    explicit Tracer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
