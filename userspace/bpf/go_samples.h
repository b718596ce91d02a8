// GoSampling: the probes that sample a Go program's allocations, and the book of what of that is still there. Where the probes would
// cost the target more than a stated share of a core they are taken away for a while, again and again. Used by Target, which has
// one for each Go program without a heap profile of its own.
// Invariant: probes sit in the middle of functions and at ret instructions, never at an entry or a return (T1).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analyze/go_heap_estimate_rows.h"
#include "attach/go_functions.h"
#include "base/result.h"
#include "bpf/attach.h"
#include "bpf/tracer.h"
#include "proc/process.h"
#include "runtime/go/duty_cycle.h"
#include "runtime/go/go_process.h"
#include "runtime/go/sample_weights.h"
#include "runtime/go/samples.h"
#include "stream/record.h"

namespace whoholds {

class GoSampling {
public:
    struct Place {
        ProcRoot root;
        pid_t pid = 0;
        uint16_t slot = 0;
    };

    // An error is a sentence why the program's allocations cannot be sampled.
    Result<void> begin(const Place& place, const GoProcess& process, GoSamplesMode mode, Tracer& tracer,
                       AttachPool& pool, uint64_t now_ns);
    [[nodiscard]] bool has_begun() const { return begun_; }
    // has_stack: false if its stack could not be walked to the end for reasons that pass.
    void on_record(const Record& record, bool has_stack);
    // Judges what is due; at any time, also while a report is made.
    void judge(const GoProcess& process, uint64_t now_ns);
    // How objects of a size divide into those with pointers and those without.
    void note(const GoCensus& census) { weights_.note(census); }
    // Takes the probes away, or brings them back, as the budget says, and weighs the samples. The rings were read up to about now.
    void keep_within_budget(const GoProcess& process, const Tracer& tracer, AttachPool& pool, uint64_t now_ns);
    void detach(AttachPool& pool);
    void give_back(Tracer& tracer, AttachPool& pool);

    [[nodiscard]] const GoSampleBook& book() const { return book_; }
    [[nodiscard]] GoSamplingState state(uint64_t now_ns) const;
    // For the coverage: all that was ever attached, with its hits.
    [[nodiscard]] std::span<const AttachedProbe> probes() const { return probes_; }

private:
    struct Site {
        uint64_t offset = 0;
        uint64_t cookie = 0;
    };

    struct Choice {  // of a program's places for samples
        std::string function;
        std::vector<GoProbeSite> sites;
        bool at_ret = false;
    };
    static Result<std::vector<Choice>> choose_sites(const GoProcess& process);
    Result<std::vector<Site>> plan(const Choice& choice, AttachPool& pool);
    Result<void> find_file(const GoProcess& process);
    bool attach_samples(const Tracer& tracer);
    [[nodiscard]] uint64_t hits(const Tracer& tracer) const;
    [[nodiscard]] double spent_ns(const Tracer& tracer);
    void weigh_samples();
    void end_window_if_due(const GoProcess& process, uint64_t now_ns);

    Place place_;
    bool begun_ = false;
    bool is_attached_ = false;
    std::string open_path_;
    std::string module_path_;
    std::vector<Site> span_sites_;
    bool is_cheap_ = false;  // all of them are emulated
    std::vector<AttachedProbe> probes_;
    AttachedProbes marking_;
    AttachedProbes samples_;
    std::optional<DutyCycle> duty_;
    double trap_ns_ = 0;
    double hit_ns_ = 0;  // with what our program takes
    GoSampleBook book_;
    GoSampleWeights weights_;
    // Samples are weighed by windows of time, each when the rings have been read to its end. A collection falls into each: behind it,
    // space in old spans is used up before there are new ones.
    struct Window {
        uint64_t end_ns = 0;
        GoAllocations allocated;
    };
    std::optional<Window> ended_;
    uint64_t window_began_ns_ = 0;
    uint32_t window_generation_ = 0;
    bool marking_seen_ = false;
    uint64_t without_stack_ = 0;
    uint64_t lost_ = 0;
    uint64_t looked_ns_ = 0;
};

}  // namespace whoholds
