#include "top/screen.h"

#include <gmock/gmock.h>

#include "top/view.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Painter, sends_what_changed) {
    Painter painter({});
    Screen screen{20, 3, {{{"first", Look::kPlain}}, {{"second", Look::kBad}}}};

    EXPECT_THAT(painter.paint(screen),
                StartsWith("\x1b[2J\x1b[1;1H\x1b[2Kfirst\x1b[2;1H\x1b[2K\x1b[1;31msecond\x1b[0m"));
    EXPECT_EQ(painter.paint(screen), "");
    screen.lines[0][0].text = "other";
    EXPECT_EQ(painter.paint(screen), "\x1b[1;1H\x1b[2Kother");
    painter.forget();
    EXPECT_THAT(painter.paint(screen), HasSubstr("second"));
}

TEST(Painter, draws_anew_at_another_size_and_never_beyond_it) {
    Painter painter({});
    Screen screen{20, 3, {{{"0123456789", Look::kPlain}, {"abc", Look::kPlain}}}};
    painter.paint(screen);
    screen.width = 11;

    EXPECT_EQ(painter.paint(screen), "\x1b[2J\x1b[1;1H\x1b[2K0123456789…");
}

TEST(Painter, has_no_colours_where_none_are_wanted) {
    Painter painter({.has_utf8 = true, .has_colors = false});
    const Screen screen{20, 2, {{{"bad", Look::kBad}, {"good", Look::kGood}}, {{"row", Look::kSelected}}}};

    const std::string bytes = painter.paint(screen);

    EXPECT_THAT(bytes, HasSubstr("\x1b[1mbad\x1b[0mgood"));
    EXPECT_THAT(bytes, HasSubstr("\x1b[7mrow"));
    EXPECT_THAT(bytes, Not(HasSubstr("31m")));
}

TEST(Painter, speaks_ascii_where_nothing_else_is_shown) {
    Painter painter({.has_utf8 = false, .has_colors = true});

    const std::string bytes = painter.paint({20, 1, {{{"▁▄█ · é 漢", Look::kPlain}}}});

    EXPECT_THAT(bytes, HasSubstr("_-# - ? ??"));
}

TEST(Sparkline, is_the_way_from_the_lowest_to_the_highest) {
    EXPECT_EQ(sparkline({0, 1, 2, 3}, {10, 20, 30, 80}, 10), "▁▂▃█");
    EXPECT_EQ(sparkline({0, 1, 2, 3}, {10, 20, 30, 80}, 2), "▂█");
    EXPECT_EQ(sparkline({0, 1}, {100, 100}, 10), "▁▁");
    EXPECT_EQ(sparkline({}, {}, 10), "");
    EXPECT_EQ(sparkline({0, 1}, {NAN, NAN}, 10), "");
}

}  // namespace
}  // namespace whoholds
