// The Go runtime's own heap profile, read from outside: what each stack holds and has allocated since the process started,
// as pprof shows it, without a call, a stop or a write. Used by reports of Go processes.
// Invariant: two walks must agree before anything is returned; what the target changed meanwhile is read again, and a table
// that never comes to rest is an error, not a guess.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "runtime/go/go_process.h"

namespace whoholds {

struct GoHeapAmount {
    uint64_t objects = 0;
    uint64_t bytes = 0;
    friend bool operator==(const GoHeapAmount&, const GoHeapAmount&) = default;
};

struct GoHeapStack {
    // Return addresses, innermost first, one for each call that the source has: look up at pc - 1 and take the innermost of
    // what is inlined there alone.
    std::vector<uint64_t> frames;
    GoHeapAmount allocated;  // since the process started, as of the last collection
    GoHeapAmount freed;
};

struct GoHeapProfile {
    uint64_t rate_bytes = 0;           // MemProfileRate: one of so many bytes is sampled; 0: the profile is off
    std::vector<GoHeapStack> sampled;  // as counted
    std::vector<GoHeapStack> scaled;   // what the samples stand for, computed as pprof does; the same order
    uint64_t cycles = 0;               // of the profile: collections so far, roughly
};

// kLimit when it is too large or too busy.
Result<GoHeapProfile> read_go_heap_profile(const GoProcess& process);

}  // namespace whoholds
