#include "profile/range_table.h"

#include <algorithm>

namespace whoholds {

void RangeTable::put(const HeldRange& range) {
    if (range.start < range.end) ranges_[range.start] = range;
}

void RangeTable::put_back(HeldRange piece) {
    auto same = [&](const HeldRange& other) { return other.stack == piece.stack && other.time_ns == piece.time_ns; };
    auto after = ranges_.find(piece.end);
    if (after != ranges_.end() && same(after->second)) {
        piece.end = after->second.end;
        ranges_.erase(after);
    }
    auto before = ranges_.lower_bound(piece.start);
    if (before != ranges_.begin() && std::prev(before)->second.end == piece.start && same(std::prev(before)->second)) {
        --before;
        piece.start = before->second.start;
        ranges_.erase(before);
    }
    put(piece);
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
