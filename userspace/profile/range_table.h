// RangeTable: address ranges that are held (mappings), which may be released and replaced in parts.
// Invariant: ranges never overlap. Used by the Aggregator only.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "profile/block_table.h"

namespace whoholds {

struct HeldRange {
    uint64_t start = 0;
    uint64_t end = 0;
    uint32_t stack = 0;
    uint64_t time_ns = 0;
    [[nodiscard]] uint64_t size() const { return end - start; }
};

class RangeTable {
public:
    // The range must not overlap another one: cut() first.
    void put(const HeldRange& range);
    // Undoes a cut: the piece grows together again with what was left of its range.
    void put_back(HeldRange piece);
    // Removes [start, end) where it is held and was acquired not later than until_ns; returns the pieces removed. A range that is
    // cut in the middle stays as two.
    std::vector<HeldRange> cut(uint64_t start, uint64_t end, uint64_t until_ns = UINT64_MAX);
    [[nodiscard]] size_t size() const { return ranges_.size(); }
    void clear() { ranges_.clear(); }

    template <class Visitor>
    void for_each(Visitor visit) const {
        for (const auto& [start, range] : ranges_) visit(range);
    }

private:
    std::map<uint64_t, HeldRange> ranges_;  // by start
};

}  // namespace whoholds
