// Which functions hand on what they were given: by the debug information of real programs.
#include "symbolize/go_hand_on.h"

#include <gmock/gmock.h>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;

class GoHandOnOf : public GoForms {
protected:
    // Innermost first; a name that ends in '*' is of a function that is a part of the next one.
    [[nodiscard]] std::vector<bool> who_hands_on(const std::vector<std::string>& names) {
        std::vector<Frame> frames;
        std::vector<const Frame*> known;
        for (const std::string& name : names) {
            const bool inlined = name.ends_with('*');
            frames.push_back({.function = name.substr(0, name.size() - (inlined ? 1 : 0)), .inlined = inlined});
        }
        for (const Frame& frame : frames) known.push_back(&frame);
        hand_on_.learn(known, [this]() -> Result<GoSignatures> {
            opened_++;
            WH_TRY(const ElfImage image, ElfImage::open(path()));
            return GoSignatures::open(image);
        });
        hand_on_.mark(frames);
        std::vector<bool> marks;
        for (const Frame& frame : frames) marks.push_back(frame.hands_on);
        return marks;
    }

    GoHandOn hand_on_;
    int opened_ = 0;
};

TEST_P(GoHandOnOf, those_do_that_return_what_they_were_given) {
    EXPECT_THAT(who_hands_on({"main.NewNamed", "main.HandOn", "main.useHandles"}), ElementsAre(false, true, false));
    EXPECT_THAT(who_hands_on({"main.NewDoor", "main.HandOn", "main.useHandles"}), ElementsAre(false, false, false));
    EXPECT_THAT(who_hands_on({"main.NewNamed", "main.useHandles", "main.main"}), ElementsAre(false, false, false));
}

TEST_P(GoHandOnOf, of_what_is_inlined_those_do_whose_caller_has_a_variable_of_its_type) {
    EXPECT_THAT(who_hands_on({"main.NewNamed", "main.handOnInlined*", "main.UseHandedOn", "main.useHandles"}),
                ElementsAre(false, true, false, false));
    EXPECT_THAT(who_hands_on({"main.NewDoor", "main.handOnInlined*", "main.UseHandedOn", "main.useHandles"}),
                ElementsAre(false, false, false, false));
}

TEST_P(GoHandOnOf, the_file_is_read_once) {
    static_cast<void>(who_hands_on({"main.NewNamed", "main.HandOn", "main.useHandles"}));
    static_cast<void>(who_hands_on({"main.NewNamed", "main.HandOn", "main.useHandles"}));
    EXPECT_EQ(opened_, 1);
}

INSTANTIATE_TEST_SUITE_P(Each, GoHandOnOf, ::testing::Values("go_tracing", "go_tracing_cgo", "go_1_19_tracing"),
                         go_form_name);

TEST(GoHandOn, without_debug_information_nobody_is_known_to) {
    std::vector<Frame> frames = {{.function = "net/rpc.Dial"}, {.function = "main.dial"}, {.function = "main.main"}};
    const std::vector<const Frame*> known = {&frames[0], &frames[1], &frames[2]};
    GoHandOn hand_on;
    hand_on.learn(known, []() -> Result<GoSignatures> { return Error{ErrorCode::kNotFound, "stripped"}; });
    EXPECT_FALSE(hand_on.mark(frames));
}

}  // namespace
}  // namespace whoholds
