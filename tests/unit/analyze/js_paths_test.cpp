#include "analyze/js_paths.h"

#include <gmock/gmock.h>

#include <string>

namespace whoholds {
namespace {

using ::testing::ElementsAre;

// "f:3 g h:5": innermost first; without a number the line is not known.
StackReport row(const std::string& text, uint64_t held = 1) {
    StackReport stack;
    stack.kind = "js_heap";
    stack.held = {held, held << 18};
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        const size_t colon = word.find(':');
        Frame& frame = stack.frames.emplace_back();
        frame.module = "[javascript]";
        frame.script = word.starts_with("node.") ? ScriptOrigin::kStandard : ScriptOrigin::kUser;
        frame.function = word.substr(0, colon);
        frame.line = colon == std::string::npos ? 0 : std::stoi(word.substr(colon + 1));
        at = end + 1;
    }
    return stack;
}

bool may_be(const std::string& seen, const std::string& whole) {
    return may_be_path(js_path_of(row(seen), {}), js_path_of(row(whole), {}));
}

TEST(JsPaths, lines_make_no_difference) {
    EXPECT_TRUE(may_be("f:1 g:2", "f:1 g:2"));
    EXPECT_TRUE(may_be("f:1 g:2", "f:7 g:8"));
    EXPECT_FALSE(may_be("f:1 g:2", "f:1 h:2"));
}

TEST(JsPaths, where_the_line_is_not_known_calls_may_be_hidden) {
    EXPECT_TRUE(may_be("f h:1", "g:1 f:2 h:1"));
    EXPECT_TRUE(may_be("f:1 h", "f:1 g:2 h:1"));
    EXPECT_TRUE(may_be("h", "e:1 f:1 g:2 h:1"));
    EXPECT_FALSE(may_be("f:1 h:1", "f:1 g:2 h:1"));
    EXPECT_FALSE(may_be("f:1 h", "g:1 f:1 h:1"));
    EXPECT_FALSE(may_be("g:1 f:2 h:1", "f h:1"));
    EXPECT_FALSE(may_be("f h:1", "g:1 f:2 h:1 i:1"));
}

TEST(JsPaths, what_a_line_of_the_users_calls_makes_no_difference) {
    EXPECT_TRUE(may_be("node.push:1 f:1 g:2", "node.emit:4 f:1 g:2"));
    EXPECT_FALSE(may_be("f:1 node.emit:2 g:2", "f:1 g:2"));
}

TEST(JsPaths, what_lies_outside_of_scripts_is_no_part_of_them) {
    StackReport stack = row("f:1");
    stack.frames.emplace_back().function = "main";

    EXPECT_EQ(js_path_of(stack, {}).size(), 1U);
}

TEST(JsPaths, a_row_that_may_be_of_several_places_is_shared_out) {
    const StackReport first = row("f:1 main:9", 30);
    const StackReport second = row("g:1 main:9", 10);
    const StackReport either = row("main", 8);
    const StackReport of_first = row("f main:9", 2);

    const auto places = js_places_of({&either, &of_first, &second, &first}, {});

    ASSERT_EQ(places.size(), 2U);
    const JsPlace& of_f = places[0];
    ASSERT_EQ(of_f.rows.size(), 3U);
    EXPECT_EQ(of_f.rows[0].stack, &first);
    EXPECT_EQ(of_f.rows[1].stack, &of_first);
    EXPECT_EQ(of_f.rows[1].share, 1);
    EXPECT_EQ(of_f.rows[2].stack, &either);
    EXPECT_NEAR(of_f.rows[2].share, 32.0 / 42, 1e-9);
    EXPECT_NEAR(places[1].rows[1].share, 10.0 / 42, 1e-9);
}

}  // namespace
}  // namespace whoholds
