// Record: the one currency between a source (live tracing, a test vector) and everything downstream.
//
// Order that a source keeps for each resource (process, kind, key): what happened earlier is delivered earlier, except for
// kLateRelease, which comes with its time and before the records of the same round; kRoundEnd closes a round.
#pragma once

#include <cstdint>
#include <span>

#include "bpf/shared/records.h"

namespace whoholds {

enum class RecordType : uint8_t {
    kAcquire,      // key, size, time_ns, stack, flags
    kRelease,      // key, size (ranges), time_ns, tid; tentative: a kRestore of the same key and thread may follow
    kLateRelease,  // as kRelease, out of order
    kRestore,      // key, tid: the call that released it failed
    kRetract,  // key, origin: it was counted as one that was not seen to be acquired, and its acquire has come after all
    kLateRestore,    // as kRestore, out of order
    kRoundEnd,       // all records before the last kLate… ones have been delivered
    kStack,          // stack, hash, stack_status, layout, frames
    kSnapshot,       // stack, hash, stack_status, layout, snapshot: a stack that is to be walked in user space
    kStackCounters,  // stack, died, lost: cumulative, what never travelled as single records
    kYoungBegin,     // the census of the young begins anew
    kYoung,          // key, size, time_ns, stack: held, but still in the kernel's table
    kProcessEnd,     // nothing of this process is held any more (exit, exec)
    kLoaderChanged,  // the process has other libraries now
    kMappings,       // the process runs code that the unwind tables do not know
    kExec,           // key: host tgid, size: pid as we see it; process may be WH_NO_PROCESS
    kFailed,         // key, size: error number, stack: a connect that failed
    kGoSample,       // key: span, size: address of the object, tid: its size, flags, stack, time_ns; see go_samples.h
    kGoMarking,      // a collection of a Go program begins
    kJsSample,       // key: number of the heap's table, flags: of the sample, size: what it stands for, stack, time_ns
    kJsHeap,         // key: address of a JavaScript heap that has no table yet
    kJsHeapEnds,     // key: its address
    kFork,           // key: host tgid of the child, size: its pid as we see it; flags
};

// How it is known that a resource is held.
enum class Origin : uint8_t {
    kSeen,          // its acquisition was seen
    kBeforeAttach,  // it was in the kernel's table when we attached
    kUnseen,        // it was in the kernel's table later, and came by a way that is not traced
};

struct Record {
    RecordType type = RecordType::kAcquire;
    uint8_t kind = 0;      // wh_resource_kind
    uint16_t process = 0;  // slot
    uint32_t tid = 0;
    uint64_t key = 0;
    uint64_t size = 0;     // bytes
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC
    uint32_t stack = 0;
    uint32_t flags = 0;  // call flags of ranges; wh_record_flag of forks
    bool tentative = false;
    Origin origin = Origin::kSeen;
    uint32_t stack_status = 0;
    uint32_t layout = 0;  // which code was where; see wh_unwind_process
    uint64_t hash = 0;
    // Valid during the call only. Of an acquire that was not seen: what is known of its stack all the same, at most one.
    std::span<const uint64_t> frames;
    const wh_snapshot_record* snapshot = nullptr;
    uint64_t died_count = 0, died_bytes = 0, lost_count = 0, lost_bytes = 0;
};

class RecordSink {
public:
    virtual ~RecordSink() = default;
    virtual void on_record(const Record& record) = 0;
    // A record about this resource comes soon: fetch what it will need.
    virtual void expect(uint16_t process, uint8_t kind, uint64_t key) { (void)process, (void)kind, (void)key; }
};

}  // namespace whoholds
