#include "runtime/python/line_table.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <vector>

namespace whoholds {
namespace {

std::vector<uint8_t> bytes(std::initializer_list<int> values) { return {values.begin(), values.end()}; }

TEST(PythonLines, pairs_change_the_line_where_their_sum_is_reached) {
    const auto table =
        bytes({4, 1, 6, 2, 0, 127, 0, 3, 2, 256 - 5});  // 10, 11 from 4 on, 143 from 10 on, 138 from 12 on
    const auto line = [&](uint64_t at) { return python_line(PythonLines::kPairs, table, 10, at); };

    EXPECT_EQ(line(0), 10);
    EXPECT_EQ(line(3), 10);
    EXPECT_EQ(line(4), 11);
    EXPECT_EQ(line(10), 143);
    EXPECT_EQ(line(12), 138);
    EXPECT_EQ(line(1000), 138);
}

TEST(PythonLines, ranges_are_in_bytes_and_instructions_are_two_of_them) {
    const auto table = bytes({4, 1, 2, 128, 254, 2, 6, 0});
    const auto line = [&](uint64_t at) { return python_line(PythonLines::kRanges, table, 10, at); };

    EXPECT_EQ(line(0), 11);
    EXPECT_EQ(line(1), 11);
    EXPECT_EQ(line(2), std::nullopt);
    EXPECT_EQ(line(3), 13);
    EXPECT_EQ(line(129), 13);
    EXPECT_EQ(line(132), 13);
    EXPECT_EQ(line(133), std::nullopt);
}

TEST(PythonLines, locations_have_short_long_and_no_lines) {
    const auto table = bytes({
        0x80 | 15 << 3 | 1,                                       // two instructions without a line
        0x80 | 13 << 3 | 0, 0x02,                                 // one on the next line, without columns
        0x80 | 3 << 3 | 2,  0x25,                                 // three on the same one, with columns in one byte
        0x80 | 11 << 3 | 0, 0x05,        0x09,                    // one on the next
        0x80 | 14 << 3 | 0, 0x40 | 0x08, 0x04, 0x00, 0x01, 0x02,  // 132 lines further: 0x108 >> 1
        0x80 | 14 << 3 | 7, 0x07,        0x00, 0x01, 0x02,        // eight instructions, three lines back
    });
    const auto line = [&](uint64_t at) { return python_line(PythonLines::kLocations, table, 20, at); };

    EXPECT_EQ(line(0), std::nullopt);
    EXPECT_EQ(line(2), 21);
    EXPECT_EQ(line(3), 21);
    EXPECT_EQ(line(5), 21);
    EXPECT_EQ(line(6), 22);
    EXPECT_EQ(line(7), 22 + 132);
    EXPECT_EQ(line(8), 22 + 132 - 3);
    EXPECT_EQ(line(15), 22 + 132 - 3);
    EXPECT_EQ(line(16), std::nullopt);
}

TEST(PythonLines, a_table_that_is_cut_or_leads_nowhere_names_no_line) {
    EXPECT_EQ(python_line(PythonLines::kRanges, {}, 10, 0), std::nullopt);
    EXPECT_EQ(python_line(PythonLines::kLocations, {}, 10, 0), std::nullopt);
    EXPECT_EQ(python_line(PythonLines::kLocations, bytes({0x80 | 14 << 3}), 10, 0), std::nullopt);
    EXPECT_EQ(python_line(PythonLines::kRanges, bytes({4}), 10, 0), std::nullopt);
    EXPECT_EQ(python_line(PythonLines::kRanges, bytes({4, 256 - 20}), 10, 0), std::nullopt) << "a line below the first";
    EXPECT_EQ(python_line(PythonLines::kPairs, {}, 10, 0), 10);
}

}  // namespace
}  // namespace whoholds
