#include "profile/range_table.h"

#include <algorithm>

namespace whoholds {

void RangeTable::put(const HeldRange& range) {
    if (range.start < range.end) ranges_[range.start] = range;
}

std::vector<HeldRange> RangeTable::cut(uint64_t start, uint64_t end, uint64_t until_ns) {
    std::vector<HeldRange> removed;
    if (start >= end) return removed;
    auto at = ranges_.upper_bound(start);
    if (at != ranges_.begin()) --at;
    while (at != ranges_.end() && at->second.start < end) {
        HeldRange range = at->second;
        if (range.end <= start || range.time_ns > until_ns) {
            ++at;
            continue;
        }
        at = ranges_.erase(at);
        HeldRange piece = range;
        piece.start = std::max(range.start, start);
        piece.end = std::min(range.end, end);
        removed.push_back(piece);
        if (range.start < piece.start) put({range.start, piece.start, range.stack, range.time_ns});
        if (piece.end < range.end) put({piece.end, range.end, range.stack, range.time_ns});
    }
    return removed;
}

}  // namespace whoholds
