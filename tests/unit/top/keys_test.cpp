#include "top/keys.h"

#include <gmock/gmock.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<KeyCode> codes(std::string_view bytes) {
    KeyReader reader;
    std::vector<KeyCode> codes;
    for (const Key& key : reader.feed(bytes)) codes.push_back(key.code);
    for (const Key& key : reader.flush()) codes.push_back(key.code);
    return codes;
}

TEST(Keys, of_several_terminals_are_the_same) {
    EXPECT_THAT(codes("\x1b[A\x1bOB"), ElementsAre(KeyCode::kUp, KeyCode::kDown));
    EXPECT_THAT(codes("\x1b[1~\x1b[H\x1bOF\x1b[8~"),
                ElementsAre(KeyCode::kHome, KeyCode::kHome, KeyCode::kEnd, KeyCode::kEnd));
    EXPECT_THAT(codes("\x1b[5~\x1b[6~\x1b[Z"), ElementsAre(KeyCode::kPageUp, KeyCode::kPageDown, KeyCode::kBackTab));
    EXPECT_THAT(codes("\x1bOP\x1b[[A\x1b[17~\x1b[21~"),
                ElementsAre(KeyCode::kHelp, KeyCode::kHelp, KeyCode::kSort, KeyCode::kQuit));
    EXPECT_THAT(codes("\r\n\t\x7f\b\x03\x1a\x0c"),
                ElementsAre(KeyCode::kEnter, KeyCode::kEnter, KeyCode::kTab, KeyCode::kBackspace, KeyCode::kBackspace,
                            KeyCode::kInterrupt, KeyCode::kSuspend, KeyCode::kRedraw));
}

TEST(Keys, arrive_in_pieces) {
    KeyReader reader;

    EXPECT_THAT(reader.feed("\x1b"), IsEmpty());
    EXPECT_TRUE(reader.is_waiting());
    EXPECT_THAT(reader.feed("["), IsEmpty());
    EXPECT_THAT(reader.feed("Aq"), ElementsAre(Key{KeyCode::kUp, ""}, Key{KeyCode::kText, "q"}));
    EXPECT_FALSE(reader.is_waiting());
    EXPECT_THAT(reader.feed("\xc3"), IsEmpty());
    EXPECT_THAT(reader.feed("\xa9"), ElementsAre(Key{KeyCode::kText, "é"}));
}

TEST(Keys, escape_alone_is_a_key_when_nothing_follows) {
    KeyReader reader;

    EXPECT_THAT(reader.feed("\x1b"), IsEmpty());
    EXPECT_THAT(reader.flush(), ElementsAre(Key{KeyCode::kEscape, ""}));
    EXPECT_THAT(codes("\x1bq"), ElementsAre(KeyCode::kEscape, KeyCode::kText));
}

TEST(Keys, that_are_not_known_are_passed_over) {
    EXPECT_THAT(codes("\x1b[1;5Cx"), ElementsAre(KeyCode::kText));
    EXPECT_THAT(codes("\x1b[200~x"), ElementsAre(KeyCode::kText));
    EXPECT_THAT(codes("\x01\xff\x80x"), ElementsAre(KeyCode::kText));
    EXPECT_THAT(codes("\x1b[" + std::string(1000, '1')).size(), 1000U - 15);
}

}  // namespace
}  // namespace whoholds
