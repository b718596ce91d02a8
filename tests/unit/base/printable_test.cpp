#include "base/printable.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

TEST(Printable, leaves_ordinary_text_alone) {
    EXPECT_EQ(printable(""), "");
    EXPECT_EQ(printable("/usr/bin/x \"a\" \\012"), "/usr/bin/x \"a\" \\012");
    EXPECT_EQ(printable("grün 日本 \U0001F600"), "grün 日本 \U0001F600");
}

TEST(Printable, replaces_what_drives_a_terminal) {
    EXPECT_EQ(printable("a\x1b[31mred\x07\r\n\t\x7f"), "a?[31mred?????");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(Printable, replaces_what_reorders_text) {
    EXPECT_EQ(printable("x\u202egnp.exe"), "x?gnp.exe");
    EXPECT_EQ(printable("\u2066\u2028\u200f"), "???");
}

TEST(Printable, replaces_each_byte_that_is_not_utf8) {
    EXPECT_EQ(printable("\xff\xfe"), "??");
    EXPECT_EQ(printable("\xc0\xaf"), "??");            // overlong
    EXPECT_EQ(printable("\xe0\x80\xaf"), "???");       // overlong
    EXPECT_EQ(printable("\xed\xa0\x80"), "???");       // surrogate
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
    EXPECT_EQ(printable("ab\xe6\x97"), "ab??");        // cut short
    EXPECT_EQ(printable("\xe6\x97\x1b"), "???");       // an escape hidden in a sequence
}

}  // namespace
}  // namespace whoholds
