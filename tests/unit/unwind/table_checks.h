// What every unwind table must be, and how it is placed and looked up in tests.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "unwind/rule_table.h"
#include "unwind/unwind_arena.h"
#include "unwind/unwind_rule.h"
#include "unwind/unwind_table.h"

namespace whoholds {

inline std::string text_of(const wh_unwind_rule& rule) {
    return "cfa kind " + std::to_string(cfa_kind_of(rule)) + " offset " + std::to_string(rule.cfa_offset) + " extra " +
           std::to_string(rule.extra) + ", rbp kind " + std::to_string(fp_kind_of(rule)) + " offset " +
           std::to_string(rule.fp_offset);
}

inline void expect_rule(const UnwindTable& table, uint64_t address, const wh_unwind_rule& expected) {
    const wh_unwind_rule found = rule_at(table.rows, address);
    EXPECT_TRUE(same_rule(found, expected))
        << std::hex << address << ": " << text_of(found) << ", not " << text_of(expected);
}

inline void expect_well_formed(const UnwindTable& table) {
    wh_unwind_rule before = kGapRule;
    uint64_t end = 0;
    for (const UnwindRow& row : table.rows) {
        ASSERT_TRUE(end == 0 || row.address >= end) << std::hex << row.address;
        ASSERT_FALSE(same_rule(before, row.rule)) << std::hex << row.address;
        before = row.rule;
        end = row.address + 1;
    }
    EXPECT_TRUE(same_rule(before, kGapRule));
}

inline bool same_rows(const UnwindTable& a, const UnwindTable& b) {
    return std::equal(
        a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(),
        [](const UnwindRow& x, const UnwindRow& y) { return x.address == y.address && same_rule(x.rule, y.rule); });
}

// An arena in plain memory.
struct TestArena {
    explicit TestArena(size_t max_segments = WH_ARENA_SEGMENTS) : limit(max_segments) {}

    Result<std::span<uint32_t>> add_segment(uint32_t index) {
        EXPECT_EQ(index, memory.size());
        if (memory.size() >= limit) return Error{ErrorCode::kLimit, "no more segments"};
        return std::span<uint32_t>(memory.emplace_back(WH_ARENA_SEGMENT_WORDS));
    }
    [[nodiscard]] wh_unwind_rule rule_at(const PlacedTable& placed, uint64_t address) const {
        return rules[find_rule(arena.segments(), placed, address)];
    }

    size_t limit;
    std::deque<std::vector<uint32_t>> memory;
    std::vector<wh_unwind_rule> rule_memory{WH_UNWIND_RULES};
    RuleTable rules{rule_memory};
    UnwindArena arena{[this](uint32_t index) { return add_segment(index); }};
};

// Every row's address and both of its neighbours lead to the same rule in both forms.
inline void expect_placed_alike(const UnwindTable& table, const TestArena& arena, const PlacedTable& placed) {
    for (const UnwindRow& row : table.rows) {
        for (const uint64_t address : {row.address - 1, row.address, row.address + 1}) {
            ASSERT_TRUE(same_rule(arena.rule_at(placed, address), rule_at(table.rows, address)))
                << std::hex << address << ": " << text_of(arena.rule_at(placed, address)) << ", not "
                << text_of(rule_at(table.rows, address));
        }
    }
}

}  // namespace whoholds
