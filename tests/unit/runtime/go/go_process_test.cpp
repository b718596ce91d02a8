#include "runtime/go/go_process.h"

#include <gmock/gmock.h>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;

class GoProcesses : public GoForms {};

TEST_P(GoProcesses, opens_and_passes_its_own_checks) {
    GoPuppet puppet(path());

    const auto process = open(puppet.pid());

    ASSERT_TRUE(process);
    EXPECT_THAT(process->path(), EndsWith(GetParam()));
    const auto function = process->code().table().find_name("main.main");
    ASSERT_TRUE(function);
    EXPECT_EQ(process->function_at(process->to_process(function->entry))->entry, function->entry);
}

INSTANTIATE_TEST_SUITE_P(Each, GoProcesses, all_go_forms(), go_form_name);

TEST(GoProcess, refuses_a_process_without_go) {
    const auto process = GoProcess::open({}, ::getpid(), *read_maps({}, ::getpid()));

    ASSERT_FALSE(process);
    EXPECT_EQ(process.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace whoholds
