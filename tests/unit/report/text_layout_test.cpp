#include "report/text_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;

TEST(TextLayout, measures_as_a_terminal_does) {
    EXPECT_EQ(display_width(""), 0U);
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("·…é"), 3U);
    EXPECT_EQ(display_width("名前"), 4U);
    EXPECT_EQ(display_width("e\u0301"), 1U);
    EXPECT_EQ(display_width("\xf0"), 1U);
}

TEST(TextLayout, pads_and_cuts_by_columns) {
    EXPECT_EQ(pad_left("é", 3), "  é");
    EXPECT_EQ(pad_right("名", 3), "名 ");
    EXPECT_EQ(pad_left("long", 2), "long");
    EXPECT_EQ(cut_tail("abcdef", 4), "abc…");
    EXPECT_EQ(cut_head("abcdef", 4), "…def");
    EXPECT_EQ(cut_tail("名前名", 4), "名…");
    EXPECT_EQ(cut_head("名前名", 4), "…名");
    EXPECT_EQ(cut_tail("abc", 3), "abc");
    EXPECT_EQ(cut_tail("abc", 0), "");
    EXPECT_EQ(cut_head("abc", 0), "");
}

TEST(TextLayout, wraps_at_spaces_and_breaks_what_has_none) {
    EXPECT_THAT(wrap("one two three", 8), ElementsAre("one two", "three"));
    EXPECT_THAT(wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
    EXPECT_THAT(wrap("", 8), ElementsAre(""));
    EXPECT_THAT(wrap("名前", 1), ElementsAre("名", "前"));
}

TEST(TextLayout, joins_parts_until_the_line_is_full) {
    const std::vector<std::string> parts = {"aaa", "", "bbb", "ccc"};

    EXPECT_THAT(join_parts(parts, 10), ElementsAre("aaa · bbb", "ccc"));
    EXPECT_THAT(join_parts(parts, 1, " "), ElementsAre("aaa", "bbb", "ccc"));
}

TEST(TextLayout, aligns_tables) {
    const std::vector<Column> columns = {
        {"name", true, {"a", "bb"}}, {"n", false, {"1", "1,000"}}, {"who", true, {"x", "yyyy"}}};

    EXPECT_THAT(layout_table(columns), ElementsAre("name       n   who", "a          1   x", "bb     1,000   yyyy"));
    EXPECT_THAT(layout_table({}), ::testing::IsEmpty());
}

TEST(TextLayout, aligns_amounts_in_counts) {
    const std::vector<std::string> amounts = {"1 B", "10 KiB"};
    const std::vector<std::string> counts = {"12", "3"};

    EXPECT_THAT(amounts_in_counts(amounts, counts), ElementsAre("   1 B in 12", "10 KiB in  3"));
}

}  // namespace
}  // namespace whoholds
