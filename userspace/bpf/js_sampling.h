// JsSampling: the probes that sample what a process allocates on heaps of V8 and follow it through the collections, and the book of
// what of that is still there. Part of a target. There is no budget: a probe is hit once for each 256 KiB that the program allocates.
// Invariant: entry probes only, and none at a return (T1); once mark bits contradict what was moved, nothing more is told.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bpf/attach.h"
#include "bpf/js_census.h"
#include "bpf/tracer.h"
#include "proc/process.h"
#include "report/report.h"
#include "runtime/v8/heap_code.h"
#include "runtime/v8/heap_samples.h"
#include "stream/record.h"

namespace whoholds {

class JsSampling {
public:
    struct Place {
        ProcRoot root;
        pid_t pid = 0;
        uint16_t slot = 0;
    };

    // What is mapped now, after each change of it.
    void look(const Place& place, const std::vector<Mapping>& mappings, Tracer& tracer, AttachPool& pool);
    // has_stack: false if its stack could not be walked to the end for reasons that pass.
    void on_record(const Record& record, bool has_stack, Tracer& tracer, const JsSampleBook::Emit& emit);
    // Tells what has become of the samples. The rings were read up to about now.
    void judge(Tracer& tracer, uint64_t now_ns, const JsSampleBook::Emit& emit);
    // Of a stack and a function (the address of its SharedFunctionInfo), where the function is made if the stack's own functions make it.
    using LineMadeAt = std::function<std::optional<uint64_t>(uint32_t stack, uint64_t shared)>;
    // Counts what is alive from outside, if it is due, and looks by which functions that is kept.
    void take_census(const JsCensuses::Place& place, double time_s, Tracer& tracer, const LineMadeAt& line_made_at,
                     const JsSampleBook::Emit& emit);
    // Of the last census: what of a stack was looked at, and by functions of which lines it is kept.
    struct Keepers {
        uint64_t looked_at = 0;
        struct Line {
            uint64_t objects = 0;
            std::set<uint64_t> functions;
        };
        std::map<uint64_t, Line> by_line;  // words of V8Frames::line_made_at()
    };
    [[nodiscard]] const std::map<uint32_t, Keepers>& keepers() const { return keepers_; }
    [[nodiscard]] const JsSampleBook& book() const { return book_; }
    // Whether all samples were followed so far.
    [[nodiscard]] bool has_all() const { return sums().lost == 0; }
    [[nodiscard]] const JsCensuses& censuses() const { return censuses_; }
    void detach(AttachPool& pool);
    void give_back(Tracer& tracer, AttachPool& pool);

    // Why its heaps cannot be followed; "" they are, or there are none.
    [[nodiscard]] const std::string& why_not() const { return why_not_; }
    [[nodiscard]] bool is_followed() const { return !version_.empty() && why_not_.empty(); }
    void add_notes(Coverage& coverage) const;
    // For the coverage: all that was ever attached, with its hits.
    [[nodiscard]] std::span<const AttachedProbe> probes() const { return probes_; }

private:
    struct Heap {
        uint32_t serial = 0;  // never given again
        uint64_t address = 0;
        wh_js_heap_counts counts{};  // as of the last look
        uint64_t taken = 0;          // samples of all heaps by then
    };

    Result<void> attach(const Place& place, const Mapping& mapping, Tracer& tracer, AttachPool& pool);
    void meet_heap(uint64_t address, Tracer& tracer);
    void part_with_heap(uint64_t address, Tracer& tracer, const JsSampleBook::Emit& emit);
    [[nodiscard]] wh_js_heap_counts sums() const;
    void find_keepers(V8Census& census, const std::vector<wh_js_sample>& alive, const LineMadeAt& line_made_at);
    void end_everything(Tracer& tracer, uint64_t now_ns, const JsSampleBook::Emit& emit);

    uint16_t slot_ = 0;
    std::set<std::pair<uint64_t, uint64_t>> looked_at_;  // device, inode
    std::string version_;
    std::string why_not_;
    AttachedProbes attached_;
    std::vector<AttachedProbe> probes_;
    JsSampleBook book_;
    JsCensuses censuses_;
    std::map<uint32_t, Keepers> keepers_;  // by stack
    std::map<uint32_t, Heap> heaps_;       // by number of the table
    wh_js_heap_counts ended_{};            // sums of those that are gone
    uint32_t next_serial_ = 1;
    uint64_t without_table_ = 0;
    uint64_t without_stack_ = 0;
    bool is_distrusted_ = false;
};

}  // namespace whoholds
