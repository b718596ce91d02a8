// Which parts of a mapping have pages, so that what was never touched is not read: reading it would make page tables in the target.
// Used by the census of V8's heaps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "proc/process.h"

namespace whoholds {

struct ByteRange {
    uint64_t start = 0;
    uint64_t end = 0;
    bool operator==(const ByteRange&) const = default;
};

class ResidentRanges {
public:
    static Result<ResidentRanges> open(const ProcRoot& root, pid_t pid);
    // In memory or in swap; both ends at multiples of a page.
    [[nodiscard]] Result<std::vector<ByteRange>> in(ByteRange range) const;

private:
    UniqueFd fd_;
};

// What of `range` is in none of `holes`, which are in order and do not overlap.
std::vector<ByteRange> without(ByteRange range, const std::vector<ByteRange>& holes);

}  // namespace whoholds
