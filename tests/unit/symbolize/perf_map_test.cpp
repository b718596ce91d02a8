#include "symbolize/perf_map.h"

#include <gtest/gtest.h>

#include <string>

namespace whoholds {
namespace {

TEST(PerfMap, finds_the_code_that_covers_an_address) {
    const PerfMap map = PerfMap::parse(
        "7f0000001000 40 LazyCompile:*handle /app/server.js:12\n"
        "0x7f0000000000 0x100 py::handle:/app/server.py\n");

    EXPECT_EQ(map.find(0x7f0000001000), "LazyCompile:*handle /app/server.js:12");
    EXPECT_EQ(map.find(0x7f000000103f), "LazyCompile:*handle /app/server.js:12");
    EXPECT_EQ(map.find(0x7f0000001040), "");
    EXPECT_EQ(map.find(0x7f0000000010), "py::handle:/app/server.py");
    EXPECT_EQ(map.find(0), "");
}

TEST(PerfMap, the_youngest_wins_where_code_memory_was_used_again) {
    const PerfMap map = PerfMap::parse(
        "1000 100 old\n"
        "1000 80 new\n"
        "1080 80 newer\n"
        "0f00 400 youngest\n");

    EXPECT_EQ(map.find(0x1000), "youngest");
    EXPECT_EQ(PerfMap::parse("1000 100 old\n1000 80 new\n").find(0x1000), "new");
    EXPECT_EQ(PerfMap::parse("1000 100 old\n1000 80 new\n").find(0x10c0), "old");
}

TEST(PerfMap, the_youngest_wins_however_many_pieces_of_code_it_replaced) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += std::to_string(1000 + i) + " 1 old\n";
    text += "1000 10000 young\n";

    EXPECT_EQ(PerfMap::parse(text).find(0x1999), "young");
}

TEST(PerfMap, a_growing_map_is_read_on_from_any_point) {
    const std::string text = "1000 40 one\n2000 40 two\n1000 40 three\n";
    for (size_t cut = 0; cut <= text.size(); ++cut) {
        PerfMap map;
        map.append(std::string_view(text).substr(0, cut));
        EXPECT_TRUE(map.find(0x2000).empty() || map.find(0x2000) == "two");
        map.append(std::string_view(text).substr(cut));

        EXPECT_EQ(map.size(), 2U);
        EXPECT_EQ(map.find(0x1000), "three");
        EXPECT_EQ(map.find(0x2000), "two");
    }
}

TEST(PerfMap, lines_that_make_no_sense_are_passed_over) {
    const PerfMap map = PerfMap::parse(
        "\n"
        "hello\n"
        "1000\n"
        "1000 40\n"
        "1000 40 \n"
        "1000 0 empty\n"
        "-1 40 negative\n"
        "ffffffffffffffff ff wraps\n"
        "fffffffffffffffff 1 too_long\n"
        "1000 4g wrong_digit\n"
        "2000 10 good\n"
        "3000 10 last line without an end");

    EXPECT_EQ(map.size(), 2U);
    EXPECT_EQ(map.find(0x2000), "good");
    EXPECT_EQ(map.find(0x3000), "last line without an end");
}

TEST(PerfMap, names_are_cut) {
    const PerfMap map = PerfMap::parse("1000 10 " + std::string(100'000, 'x') + "\n");

    EXPECT_EQ(map.find(0x1000).size(), 1024U);
}

}  // namespace
}  // namespace whoholds
