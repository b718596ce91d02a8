// Which word of what Go functions take and return is the handle of a pair: by types that are made up, and by those of real programs.
#include "attach/go_handles.h"

#include <gmock/gmock.h>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using enum GoWord;

const GoValue kPointerTo{.type = "*main.Door", .words = {kPointer}, .first_word = 1};
const GoValue kCloser{.type = "io.Closer", .words = {kType, kData}, .first_word = 1};
const GoValue kError{.type = "error", .words = {kType, kData}, .first_word = 2};
const GoHandle kDoor{.word = 1, .holds = kPointer, .type = "*main.Door"};

class GoHandleChoice : public ::testing::Test {
protected:
    static GoValue at(unsigned word, GoValue value) {
        value.first_word = word;
        return value;
    }
    [[nodiscard]] unsigned word(const std::vector<GoValue>& results, const std::vector<GoHandle>& released) const {
        const auto chosen = choose_go_result(function_, {.parameters = {}, .results = results}, released);
        return chosen ? chosen->word : 0;
    }
    PairFunction function_{.module = "", .symbol = "main.Open"};
};

TEST_F(GoHandleChoice, the_result_of_the_type_that_is_released_is_the_handle) {
    const GoValue number{.type = "int", .words = {kNumber}, .first_word = 1};
    EXPECT_EQ(word({kPointerTo, kError}, {kDoor}), 1U);
    EXPECT_EQ(word({number, at(2, kPointerTo), at(3, kError)}, {kDoor}), 2U);
    const GoValue other{.type = "*main.Other", .words = {kPointer}, .first_word = 1};
    EXPECT_EQ(word({other, at(2, kPointerTo)}, {kDoor}), 2U);
}

TEST_F(GoHandleChoice, of_an_interface_it_is_what_the_interface_holds) {
    EXPECT_EQ(word({kCloser, at(3, kError)}, {kDoor}), 2U);
    const GoHandle released_as_interface{.word = 2, .holds = kData, .type = "io.Closer"};
    EXPECT_EQ(word({kPointerTo, kError}, {released_as_interface}), 1U);
}

TEST_F(GoHandleChoice, an_error_is_no_handle) { EXPECT_EQ(word({at(1, kError)}, {kDoor}), 0U); }

TEST_F(GoHandleChoice, what_is_no_single_word_is_refused_with_what_to_do) {
    const GoValue text{.type = "string", .words = {kOther, kOther}, .first_word = 1};
    const GoValue two{.type = "main.Two", .words = {kPointer, kPointer}, .first_word = 3};
    const auto chosen = choose_go_result(function_, {.parameters = {}, .results = {text, two}}, {kDoor});

    ASSERT_FALSE(chosen);
    EXPECT_THAT(chosen.error().message, HasSubstr("(string, main.Two)"));
    EXPECT_THAT(chosen.error().message, HasSubstr("main.Open:ret2"));
}

TEST_F(GoHandleChoice, numbers_go_with_numbers_and_what_has_no_register_is_refused) {
    const GoValue number{.type = "int", .words = {kNumber}, .first_word = 1};
    const GoHandle released{.word = 1, .holds = kNumber, .type = "main.ID"};
    EXPECT_EQ(word({number}, {released}), 1U);
    EXPECT_EQ(word({number}, {kDoor}), 0U);
    EXPECT_EQ(word({at(0, kPointerTo)}, {kDoor}), 0U);
    EXPECT_FALSE(choose_go_argument(function_, {}));
}

TEST(GoReceiver, is_told_by_the_name) {
    EXPECT_EQ(go_receiver_of("google.golang.org/grpc.(*ClientConn).Close"), "*google.golang.org/grpc.ClientConn");
    EXPECT_EQ(go_receiver_of("main.(*Pool[go.shape.int]).Put"), "*main.Pool[...]");
    EXPECT_EQ(go_receiver_of("main.Thing.Close"), "");
    EXPECT_EQ(go_receiver_of("main.(*"), "");
}

class GoSignaturesOf : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
        auto image = ElfImage::open(target_path(GetParam()));
        ASSERT_TRUE(image) << image.error().message;
        image_.emplace(*std::move(image));
        auto code = GoCode::open(*image_);
        ASSERT_TRUE(code) << code.error().message;
        code_.emplace(*std::move(code));
    }
    [[nodiscard]] GoSignature of(std::string_view name) const {
        const auto signatures = GoSignatures::open(*image_);
        const auto function = code_->table().find_name(name);
        if (!signatures || !function) return {};
        return signatures->find(function->entry, std::nullopt).value_or(GoSignature{});
    }
    static std::string text_of(const std::vector<GoValue>& values) {
        std::string text;
        for (const GoValue& value : values)
            text +=
                value.type + "@" + std::to_string(value.first_word) + "+" + std::to_string(value.words.size()) + " ";
        return text;
    }

    std::optional<ElfImage> image_;
    std::optional<GoCode> code_;
};

TEST_P(GoSignaturesOf, tell_types_and_registers) {
    EXPECT_EQ(text_of(of("main.NewDoor").results), "io.Closer@1+2 error@3+2 ");
    EXPECT_EQ(text_of(of("main.NewNumbered").results), "int@1+1 *main.Door@2+1 error@3+2 ");
    EXPECT_EQ(text_of(of("main.NewNamed").results), "string@1+2 *main.Door@3+1 ");
    EXPECT_EQ(text_of(of("main.NewWrapped").results), "main.Wrapped@1+1 ");
    EXPECT_EQ(text_of(of("main.NewSeveral").results), "main.Several@1+2 ");
    EXPECT_EQ(text_of(of("main.NewAny").results), "interface {}@1+2 ");
    EXPECT_EQ(text_of(of("main.NewScattered").results), "[2]int@0+0 float64@0+0 main.Odd@1+3 ");
    EXPECT_EQ(text_of(of("main.CloseAny").parameters), "interface {}@1+2 ");
    EXPECT_EQ(of("main.NewAny").results.front().words, (std::vector{kType, kData}));
}

INSTANTIATE_TEST_SUITE_P(Each, GoSignaturesOf, ::testing::Values("go_tracing", "go_tracing_cgo", "go_1_19_tracing"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace whoholds
