// Array buffers of JavaScript whose collector has not freed them yet, though a census (runtime/v8/heap_census.h) found that nothing uses them:
// they stay held, as the process has them, but are not judged. Used by the session. Pure.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>

#include "profile/aggregator.h"
#include "report/report.h"

namespace whoholds {

struct LiveBuffers {
    const absl::flat_hash_set<uint64_t>& blocks;  // addresses of what alive ones have
    uint64_t counted_ns = 0;                      // when
    uint64_t start_ns = 0;                        // of the first slice of time
};

// Of rows of array buffers, held_by_slice becomes what was alive, or came since.
void keep_live_buffers(const Aggregator& aggregator, uint16_t slot, const LiveBuffers& live, ProcessReport& process);

}  // namespace whoholds
