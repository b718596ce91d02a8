#include "unwind/unwind_arena.h"

#include <gmock/gmock.h>

#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;

// Rows at the given distances, no two neighbours alike.
UnwindTable regular_table(uint64_t start, size_t count, uint64_t distance) {
    UnwindTable table;
    for (size_t i = 0; i < count; ++i) {
        table.rows.push_back({start + i * distance, make_rule(WH_CFA_SP, static_cast<int32_t>(8 + 8 * (i % 200)))});
    }
    table.rows.push_back({start + count * distance, kGapRule});
    return table;
}

PlacedTable place(TestArena& arena, const UnwindTable& table) {
    const auto placed = arena.arena.place(table, arena.rules);
    EXPECT_TRUE(placed) << (placed ? "" : placed.error().message);
    return placed ? *placed : PlacedTable();
}

// The rows of no bucket cross a chunk, and index words lie at even places.
void expect_inside_chunks(const TestArena& arena, const PlacedTable& placed) {
    EXPECT_EQ(placed.index_at % 2, 0U);
    const auto word = [&](uint64_t at) {
        return uint64_t{arena.memory[at / WH_ARENA_SEGMENT_WORDS][at % WH_ARENA_SEGMENT_WORDS]};
    };
    for (uint64_t bucket = 0; bucket < placed.bucket_count; ++bucket) {
        const uint64_t entry_at = placed.index_at + 2 * bucket;
        const uint64_t count = word(entry_at + 1) & 0xffff;
        const uint64_t rows_at = word(entry_at);
        if (count == 0) continue;
        ASSERT_EQ(rows_at / WH_ARENA_CHUNK_WORDS, (rows_at + count - 1) / WH_ARENA_CHUNK_WORDS) << bucket;
    }
}

TEST(UnwindArena, placed_rows_are_found_again) {
    const struct {
        uint64_t start;
        size_t count;
        uint64_t distance;
    } cases[] = {{0x1000, 1, 1},        {0x13ff, 2, 1},          {0x1400, 3, 0x400},      {0x1000, 5000, 1},
                 {0x1234, 100'000, 7},  {0x555000, 20'000, 100}, {0x1000, 50, 100'000},   {0, 10, 16},
                 {0x1000, 3, 0x400000}, {0x1000, 70'000, 1},     {1ULL << 62, 1000, 1000}};
    TestArena arena;
    for (const auto& [start, count, distance] : cases) {
        SCOPED_TRACE(testing::Message() << std::hex << start << " " << count << " " << distance);
        const UnwindTable table = regular_table(start, count, distance);

        const PlacedTable placed = place(arena, table);

        expect_placed_alike(table, arena, placed);
        expect_inside_chunks(arena, placed);
    }
}

TEST(UnwindArena, tables_do_not_disturb_each_other) {
    TestArena arena;
    std::vector<std::pair<UnwindTable, PlacedTable>> placed;
    for (size_t i = 0; i < 100; ++i) {
        UnwindTable table = regular_table(0x1000 * i, 10 + 97 * i, 1 + i % 13);
        const PlacedTable where = place(arena, table);
        placed.emplace_back(std::move(table), where);
    }
    for (const auto& [table, where] : placed) expect_placed_alike(table, arena, where);
}

TEST(UnwindArena, outside_of_the_index_is_a_gap) {
    TestArena arena;
    const PlacedTable placed = place(arena, regular_table(0x100000, 1000, 16));

    for (const uint64_t address : {uint64_t{0}, uint64_t{0xfffff}, uint64_t{0x200000}, ~uint64_t{0}}) {
        EXPECT_EQ(find_rule(arena.arena.segments(), placed, address), WH_RULE_GAP) << address;
    }
}

TEST(UnwindArena, buckets_are_small_where_rows_are_many_and_large_where_they_are_few) {
    TestArena arena;
    EXPECT_EQ(place(arena, regular_table(0, 100'000, 32)).bucket_shift, WH_BUCKET_SHIFT_MIN);
    const PlacedTable sparse = place(arena, regular_table(0, 50'000, 4500));
    EXPECT_GT(sparse.bucket_shift, 12);
    EXPECT_LT(sparse.bytes, 50'000U * 8);
}

TEST(UnwindArena, a_dense_part_of_a_sparse_module_makes_buckets_smaller) {
    UnwindTable table = regular_table(0x10000, 65'000, 1);
    table.rows.back().address = uint64_t{1} << 33;
    TestArena arena;

    const PlacedTable placed = place(arena, table);

    EXPECT_LE(placed.bucket_shift, 14);
    expect_placed_alike(table, arena, placed);
    expect_inside_chunks(arena, placed);
}

TEST(UnwindArena, code_spread_over_too_many_addresses_is_refused) {
    UnwindTable table = regular_table(0x1000, 10, 16);
    table.rows.back().address = uint64_t{1} << 60;
    TestArena arena;

    const auto placed = arena.arena.place(table, arena.rules);

    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().code, ErrorCode::kLimit);
    EXPECT_TRUE(arena.memory.empty());
}

TEST(UnwindArena, a_table_that_does_not_fit_leaves_the_arena_as_it_was) {
    TestArena arena(1);
    const UnwindTable small = regular_table(0x1000, 1000, 16);
    const PlacedTable before = place(arena, small);
    const std::vector<uint32_t> words = arena.memory[0];
    const size_t rules = arena.rules.size();

    const auto refused = arena.arena.place(regular_table(0x1000, 400'000, 16), arena.rules);

    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("no more segments"));
    EXPECT_EQ(arena.memory[0], words);
    EXPECT_EQ(arena.rules.size(), rules);
    const PlacedTable after = place(arena, small);
    EXPECT_EQ(after.index_at, (before.bytes / 4 + 1) / 2 * 2);
    expect_placed_alike(small, arena, after);
}

TEST(UnwindArena, a_segment_of_another_size_is_refused) {
    std::vector<uint32_t> words(100);
    std::vector<wh_unwind_rule> rule_memory(WH_UNWIND_RULES);
    RuleTable rules(rule_memory);
    UnwindArena arena([&](uint32_t) { return std::span<uint32_t>(words); });

    EXPECT_FALSE(arena.place(regular_table(0x1000, 10, 16), rules));
}

TEST(UnwindArena, an_empty_table_needs_no_memory) {
    TestArena arena(0);
    const PlacedTable placed = place(arena, {});

    EXPECT_EQ(placed.bytes, 0U);
    EXPECT_EQ(find_rule(arena.arena.segments(), placed, 0x1000), WH_RULE_GAP);
}

TEST(UnwindArena, a_table_without_an_end_is_refused) {
    TestArena arena;
    UnwindTable table = regular_table(0x1000, 10, 16);
    table.rows.pop_back();

    EXPECT_FALSE(arena.arena.place(table, arena.rules));
}

TEST(RuleTable, begins_with_the_rules_of_fixed_number) {
    std::vector<wh_unwind_rule> memory(WH_UNWIND_RULES);
    RuleTable rules(memory);

    EXPECT_EQ(rules.number_of(kGapRule), WH_RULE_GAP);
    EXPECT_EQ(rules.number_of(kUnsupportedRule), WH_RULE_UNSUPPORTED);
    EXPECT_EQ(cfa_kind_of(memory[WH_RULE_FRAME_POINTER]), WH_CFA_FRAME_POINTER);
    EXPECT_EQ(cfa_kind_of(memory[WH_RULE_FRAME_POINTER_GUESS]), WH_CFA_FRAME_POINTER_GUESS);
    EXPECT_EQ(rules.size(), static_cast<size_t>(WH_RULE_FIRST_FREE));
}

TEST(RuleTable, equal_rules_have_one_number) {
    std::vector<wh_unwind_rule> memory(WH_UNWIND_RULES);
    RuleTable rules(memory);
    const wh_unwind_rule a = make_rule(WH_CFA_FP, 16);
    const wh_unwind_rule b = make_rule(WH_CFA_FP, 16, {WH_FP_AT_CFA, -2});

    const uint16_t number = rules.number_of(a);

    EXPECT_NE(rules.number_of(b), number);
    EXPECT_EQ(rules.number_of(a), number);
    EXPECT_TRUE(same_rule(memory[number], a));
    EXPECT_EQ(rules.size(), static_cast<size_t>(WH_RULE_FIRST_FREE + 2));
}

TEST(RuleTable, usual_rules_fit_into_their_number) {
    std::vector<wh_unwind_rule> memory(WH_UNWIND_RULES);
    RuleTable rules(memory);
    for (int32_t cfa_offset : {8, 16, 8184})
        for (int fp_offset : {0, -2, -3, -32}) {
            const FramePointerRule saved{WH_FP_AT_CFA, static_cast<int16_t>(fp_offset)};
            const wh_unwind_rule rule =
                fp_offset == 0 ? make_rule(WH_CFA_SP, cfa_offset) : make_rule(WH_CFA_SP, cfa_offset, saved);
            const uint16_t number = rules.number_of(rule);
            EXPECT_NE(number & WH_RULE_COMPACT, 0);
            EXPECT_TRUE(same_rule(rules[number], rule)) << cfa_offset << " " << fp_offset;
        }
    EXPECT_EQ(rules.size(), static_cast<size_t>(WH_RULE_FIRST_FREE)) << "none needs a place";
}

TEST(RuleTable, what_does_not_fit_into_a_number_stands_in_the_table) {
    std::vector<wh_unwind_rule> memory(WH_UNWIND_RULES);
    RuleTable rules(memory);
    for (const wh_unwind_rule& rule :
         {make_rule(WH_CFA_SP, 8192), make_rule(WH_CFA_SP, 12), make_rule(WH_CFA_SP, -8), make_rule(WH_CFA_SP, 0),
          make_rule(WH_CFA_SP, 16, {WH_FP_AT_CFA, -33}), make_rule(WH_CFA_SP, 16, {WH_FP_AT_CFA, -1}),
          make_rule(WH_CFA_SP, 16, {WH_FP_AT_CFA, 2}), make_rule(WH_CFA_SP, 16, {WH_FP_AT_FP, -2}),
          make_rule(WH_CFA_FP, 16)}) {
        const uint16_t number = rules.number_of(rule);
        EXPECT_EQ(number & WH_RULE_COMPACT, 0);
        EXPECT_TRUE(same_rule(rules[number], rule));
    }
}

TEST(RuleTable, when_it_is_full_a_new_rule_is_unsupported_and_counted) {
    std::vector<wh_unwind_rule> memory(WH_RULE_FIRST_FREE + 1);
    RuleTable rules(memory);
    const uint16_t first = rules.number_of(make_rule(WH_CFA_FP, 16));

    EXPECT_EQ(rules.number_of(make_rule(WH_CFA_FP, 24)), WH_RULE_UNSUPPORTED);
    EXPECT_EQ(rules.number_of(make_rule(WH_CFA_FP, 16)), first);
    EXPECT_EQ(rules.refused(), 1U);
}

}  // namespace
}  // namespace whoholds
