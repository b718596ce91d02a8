// UnwindArena: places the tables of modules into the memory that BPF programs read them from; bpf/shared/unwind.h says how they
// lie there. Used by the edge, which provides the memory.
// Invariant: what is placed stays where it is and is never written again. A table that does not fit leaves no trace.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "unwind/rule_table.h"
#include "unwind/unwind_table.h"

namespace whoholds {

struct PlacedTable {
    uint32_t index_at = 0;  // word of the arena, even
    uint64_t first_bucket = 0;
    uint32_t bucket_count = 0;
    uint16_t bucket_shift = WH_BUCKET_SHIFT_MIN;
    uint64_t rows = 0;   // that are stored; those that begin a bucket need not be
    uint64_t bytes = 0;  // of the arena, index and all
};

class UnwindArena {
public:
    // Memory for another segment, WH_ARENA_SEGMENT_WORDS words. Asked for with 0, 1, 2, … in this order; each once, unless it
    // failed. It must outlive the arena.
    using AddSegment = std::function<Result<std::span<uint32_t>>(uint32_t index)>;

    explicit UnwindArena(AddSegment add_segment);

    // kLimit when the arena is full or the code is spread over more addresses than an index may cover.
    Result<PlacedTable> place(const UnwindTable& table, RuleTable& rules);

    [[nodiscard]] std::span<const std::span<uint32_t>> segments() const { return segments_; }

private:
    struct Layout;
    static Result<Layout> lay_out(const std::vector<UnwindRow>& rows, uint64_t next);
    Result<void> provide(uint64_t end);
    void write(const std::vector<UnwindRow>& rows, const Layout& layout, RuleTable& rules);
    void put(uint64_t at, uint32_t word);

    AddSegment add_segment_;
    std::vector<std::span<uint32_t>> segments_;
    uint64_t next_ = 0;  // first free word
};

// The number of the rule in force at an address of the module, read as the BPF programs read it; WH_RULE_GAP outside.
uint16_t find_rule(std::span<const std::span<uint32_t>> segments, const PlacedTable& table, uint64_t address);

}  // namespace whoholds
