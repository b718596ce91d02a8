// LiveSource: the kernel's rings and tables as a stream of Records.
//
// Order. Releases that found the main ring full wait in the backlog ring; survivors wait in the young table. A round is:
//   1. t = now; read the backlog to its end (kLateRelease, matched by time downstream)
//   2. P = the main ring's producer position; read the main ring up to P
//   3. kRoundEnd: what is late has now been matched
//   4. sweep the young table: take what was acquired before t and is older than the threshold (kAcquire)
// Whatever happened to a key before an acquire at time < t was reserved below P, so 4 never overtakes 2. A release that follows 4
// does not find the block in the table, and comes through the ring in a later round.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bpf/ring_reader.h"
#include "bpf/tracer.h"
#include "stream/record.h"

namespace whoholds {

class LiveSource {
public:
    static Result<LiveSource> open(Tracer& tracer);

    // One round; without an age, step 4 is left out. Returns false if a record in a ring is still being written: come again.
    bool round(RecordSink& sink, std::optional<uint64_t> young_age_ns);

    // Counters of all stacks and the census of the young, for a report.
    void census(RecordSink& sink);

    // Takes what is young of a process out of the table and ends the process.
    void end_process(RecordSink& sink, uint16_t slot, uint64_t now_ns);

    // What is young of these processes (by slot) is taken out and not delivered: they have ended, and were reported.
    void forget_young(const std::vector<bool>& slots);

    // Whether the young table overflowed since the last call: then sweep sooner.
    bool under_pressure();

private:
    LiveSource(Tracer& tracer, RingReader ring, RingReader backlog);
    template <class Wanted>
    void sweep(RecordSink& sink, Wanted wanted);

    Tracer* tracer_;
    RingReader ring_;
    RingReader backlog_;
    bool round_open_ = false;
    uint64_t round_time_ns_ = 0;
    uint64_t round_limit_ = 0;
    uint64_t seen_spills_ = 0;
};

uint64_t monotonic_ns();

}  // namespace whoholds
