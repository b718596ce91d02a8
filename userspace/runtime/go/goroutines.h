// All goroutines of a process, those from before the attach included: what each does, since when, where it is, who created
// it. Read from the runtime's records while the process runs on. Used by reports of Go processes.
// Invariant: what changed while it was read is read again a few times, then counted as `torn` and left out. A stack is kept
// only if the walk of it ended exactly where the record says that the stack begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/go/go_process.h"
#include "runtime/go/goroutine_record.h"

namespace whoholds {

constexpr uint32_t kNoGoStack = UINT32_MAX;

struct Goroutine {
    GoroutineRecord record;
    uint32_t stack = kNoGoStack;  // in GoroutineSnapshot::stacks; none while it runs
    uint64_t channel = 0;         // that it waits for; 0: none, or it waits for several
    bool is_system = false;       // the runtime's own, which pprof leaves out
};

struct GoroutineSnapshot {
    std::vector<Goroutine> goroutines;          // alive
    std::vector<std::vector<uint64_t>> stacks;  // different ones, as GoStack::frames
    uint64_t dead = 0;                          // kept by the runtime for re-use
    uint64_t running = 0;                       // of goroutines: without a stack to be seen from outside
    uint64_t torn = 0;                          // changed each time they were read: neither listed nor guessed
    std::vector<uint64_t> torn_ids;             // their numbers, as read last
    uint64_t too_deep = 0;                      // listed without a stack
};

// kLimit above four million goroutines.
Result<GoroutineSnapshot> read_goroutines(const GoProcess& process);

// The runtime's words for GoroutineRecord::wait_reason, by number ("IO wait"); empty if they were not found.
std::vector<std::string> read_wait_reasons(const GoProcess& process);

// "runnable", "system call", ...
const char* state_word(GoroutineState state);

}  // namespace whoholds
