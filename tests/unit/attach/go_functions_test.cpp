// Where probes may sit in the functions of real Go programs.
#include "attach/go_functions.h"

#include <gmock/gmock.h>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class GoFunctionsOf : public GoForms {
protected:
    void SetUp() override {
        GoForms::SetUp();
        if (IsSkipped()) return;
        auto image = ElfImage::open(path());
        ASSERT_TRUE(image) << image.error().message;
        image_.emplace(*std::move(image));
        auto code = GoCode::open(*image_);
        ASSERT_TRUE(code) << code.error().message;
        code_.emplace(*std::move(code));
    }

    std::optional<ElfImage> image_;
    std::optional<GoCode> code_;
};

TEST_P(GoFunctionsOf, T1_creation_of_goroutines_is_seen_at_ret_instructions) {
    const auto sites = go_function_sites(*image_, *code_, "runtime.newproc1");

    ASSERT_TRUE(sites) << sites.error().message;
    ASSERT_THAT(sites->returns, Not(IsEmpty()));
    for (const GoProbeSite& site : sites->returns) {
        EXPECT_EQ(site.instruction, "ret");
        EXPECT_THAT(image_->code_at(site.address, 1), ::testing::ElementsAre(0xc3));
        EXPECT_EQ(image_->offset_of(site.address), site.offset);
    }
}

TEST_P(GoFunctionsOf, T1_no_site_is_the_entry_of_a_function_with_a_stack_check) {
    for (const char* name : {"runtime.newproc1", "runtime.(*mheap).alloc", "runtime.goexit0", "main.leakSessions"}) {
        const auto sites = go_function_sites(*image_, *code_, name);

        ASSERT_TRUE(sites) << name << ": " << sites.error().message;
        EXPECT_GT(sites->start.address, sites->entry) << name;
        // Go 1.21 and newer: the frame pointer is pushed first, which the kernel emulates; before, the frame is made.
        if (code_->minor_version() >= 21) {
            EXPECT_THAT(sites->start.instruction, StartsWith("push")) << name;
            EXPECT_TRUE(sites->start.emulated);
        } else {
            EXPECT_THAT(sites->start.instruction, StartsWith("sub")) << name;
        }
    }
}

// What is refused is refused with a reason, and what is not has sites within the function.
TEST_P(GoFunctionsOf, all_functions_are_looked_at_safely) {
    size_t found = 0;
    size_t refused = 0;
    for (size_t i = 0; i < code_->table().function_count(); ++i) {
        const auto function = code_->table().function(i);
        if (!function || !code_->covers(function->entry)) continue;
        const auto sites = go_function_sites(*image_, *code_, *function);
        if (!sites) {
            EXPECT_FALSE(sites.error().message.empty());
            ++refused;
            continue;
        }
        ++found;
        EXPECT_GE(sites->start.address, function->entry);
        EXPECT_LT(sites->start.address, function->end);
        for (const GoProbeSite& site : sites->returns) EXPECT_LT(site.address, function->end);
    }
    EXPECT_GT(found, refused * 10);
}

TEST_P(GoFunctionsOf, a_function_that_is_not_there_is_named) {
    const auto sites = go_function_sites(*image_, *code_, "main.nowhere");

    ASSERT_FALSE(sites);
    EXPECT_EQ(sites.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(sites.error().message, HasSubstr("main.nowhere"));
}

INSTANTIATE_TEST_SUITE_P(Each, GoFunctionsOf, all_go_forms(), go_form_name);

}  // namespace
}  // namespace whoholds
