// Compares the goroutines that the runtime of a Go program lists with those whose creation and end was seen: those from before the
// attach, those whose events were lost. Used by the session, which gives what comes out of it to the Aggregator.
// Invariant: numbers of goroutines are never given again, so one that is not listed any more has ended for good. After a
// comparison the Aggregator holds what is listed, but for what was created while the list was read, or could not be read.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <vector>

#include "profile/aggregator.h"
#include "stream/record.h"

namespace whoholds {

struct ListedGoroutine {
    uint64_t id = 0;
    uint64_t creator = 0;  // return address of the go statement
};

struct GoroutineList {
    uint64_t started_ns = 0;             // CLOCK_MONOTONIC, before the first of them was read
    std::vector<ListedGoroutine> alive;  // without the runtime's own
    std::vector<uint64_t> uncertain;     // numbers of those that could not be read
    bool is_whole = true;                // nobody lives but these
};

class GoroutineBook {
public:
    // The Aggregator has all that happened until the list was read, also what is young. Of those that nobody saw begin, it
    // is said when this is the first comparison, or when a second one finds them again: until then their end may just not have
    // been told. What is seen from its first instruction on has none from before: begins_with_nothing.
    void compare(uint16_t process, const GoroutineList& list, bool begins_with_nothing, Aggregator& aggregator);
    void end_process(uint16_t process) { unannounced_.erase(process); }

private:
    absl::flat_hash_map<uint16_t, absl::flat_hash_set<uint64_t>> unannounced_;  // at the last comparison
};

}  // namespace whoholds
