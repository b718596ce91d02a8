#include "runtime/v8/position_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace whoholds {
namespace {

using ::testing::Optional;

// As Node 20 has it of `function leak(n) { const b = Buffer.alloc(n); held.push(b); return fs.readSync(0, Buffer.alloc(1)); }`, from line 3 on.
constexpr std::array<uint8_t, 30> kTable = {0x01, 0xd4, 0x01, 0x02, 0x48, 0x09, 0x1c, 0x0b, 0x00, 0x0c,
                                            0x30, 0x0b, 0x14, 0x0b, 0x00, 0x0a, 0x2c, 0x0b, 0x28, 0x0f,
                                            0x44, 0x09, 0x1c, 0x11, 0x00, 0x0d, 0x5f, 0x0c, 0x88, 0x01};

uint32_t script_at(const std::vector<V8Position>& positions, int64_t code) {
    const auto position = v8_position_at(positions, code);
    return position ? position->script : 0;
}

TEST(PositionTable, says_where_in_the_script_a_bytecode_is) {
    const auto positions = v8_positions(kTable);

    ASSERT_TRUE(positions);
    EXPECT_EQ(positions->front().code, -1);
    EXPECT_EQ(positions->front().script, 52U);  // the function begins there
    EXPECT_EQ(script_at(*positions, 0), 70U);
    EXPECT_EQ(script_at(*positions, 3), 70U);
    EXPECT_EQ(script_at(*positions, 4), 77U);
    EXPECT_EQ(script_at(*positions, 9), 77U);
    EXPECT_EQ(script_at(*positions, 25), 94U);
    EXPECT_EQ(positions->front().inlined_at, -1);
}

TEST(PositionTable, that_is_cut_short_says_nothing) {
    EXPECT_FALSE(v8_positions(std::span(kTable).first(2)));
    EXPECT_FALSE(v8_positions(std::vector<uint8_t>(20, 0xff)));
    ASSERT_TRUE(v8_positions({}));
    EXPECT_FALSE(v8_position_at({}, 3));
}

TEST(PositionTable, that_leads_nowhere_says_nothing) {
    constexpr std::array<uint8_t, 10> kFarthest = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    std::vector<uint8_t> table;
    for (int i = 0; i < 3; i++) {
        table.insert(table.end(), kFarthest.begin(), kFarthest.end());
        table.push_back(0);
    }

    EXPECT_FALSE(v8_positions(table));
}

TEST(PositionTable, tells_calls_that_were_inlined_and_places_that_are_not_known) {
    const auto inlined = v8_position(uint64_t{3} << 31 | 41 << 1);

    ASSERT_TRUE(inlined);
    EXPECT_EQ(inlined->script, 40U);
    EXPECT_EQ(inlined->inlined_at, 2);
    EXPECT_FALSE(v8_position(0));
    EXPECT_FALSE(v8_position(41 << 1 | 1));  // of another file
}

TEST(PositionTable, never_takes_the_place_before_one_that_is_not_known) {
    const std::vector<V8Position> positions = {{.code = 0, .script = 5}, {.code = 4, .script = UINT32_MAX}};

    EXPECT_EQ(v8_position_at(positions, 3)->script, 5U);
    EXPECT_FALSE(v8_position_at(positions, 4));
    EXPECT_FALSE(v8_position_at(positions, -1));
}

// Bytecodes of 1, 2 and 3 bytes; behind Wide and ExtraWide the last two are larger. 0 to 3 are the prefixes.
constexpr std::array<uint8_t, 21> kSizes = {1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 3, 5, 1, 1, 1, 1, 1, 5, 9};

TEST(CompiledCode, leads_from_a_return_address_to_its_bytecode) {
    const std::array<uint8_t, 9> bytecodes = {4, 5, 0, 0, 5, 0, 0, 4, 4};
    const std::array<uint8_t, 6> table = {10, 4, 0x80 | 8, 1, 3, 0};  // the third: 136

    const auto cut = v8_compiled(table, bytecodes, kSizes);
    const auto compiled = v8_compiled(std::array<uint8_t, 7>{10, 4, 0x80 | 8, 1, 3, 0, 6}, bytecodes, kSizes);

    EXPECT_FALSE(cut);
    ASSERT_TRUE(compiled);
    ASSERT_EQ(compiled->size(), 5U);
    EXPECT_THAT(v8_bytecode_of(*compiled, 14), Optional(0U));
    EXPECT_THAT(v8_bytecode_of(*compiled, 15), Optional(1U));
    EXPECT_THAT(v8_bytecode_of(*compiled, 150), Optional(1U));
    EXPECT_THAT(v8_bytecode_of(*compiled, 153), Optional(3U));
    EXPECT_THAT(v8_bytecode_of(*compiled, 159), Optional(8U));
    EXPECT_FALSE(v8_bytecode_of(*compiled, 160));
}

TEST(CompiledCode, that_does_not_fit_its_bytecodes_says_nothing) {
    const std::array<uint8_t, 3> table = {10, 4, 4};

    EXPECT_FALSE(v8_compiled(table, std::array<uint8_t, 1>{6}, kSizes));  // the bytecode is cut
    EXPECT_FALSE(v8_compiled(table, std::array<uint8_t, 1>{9}, kSizes));  // there is no such
    EXPECT_FALSE(v8_compiled(table, std::array<uint8_t, 1>{4}, kSizes));  // the table has more
    EXPECT_FALSE(v8_compiled(table, std::array<uint8_t, 2>{4, 4}, {}));   // sizes are not known
    EXPECT_TRUE(v8_compiled(table, std::array<uint8_t, 2>{4, 4}, kSizes));
    EXPECT_FALSE(v8_compiled(table, std::array<uint8_t, 1>{0}, kSizes));  // a prefix alone
}

}  // namespace
}  // namespace whoholds
