#include "proc/loader_state.h"

#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

namespace whoholds {
namespace {

TEST(LoaderState, T17_is_where_the_dynamic_linker_of_this_process_keeps_it) {
    const auto address = loader_state_address(ProcRoot{}, getpid());
    ASSERT_TRUE(address);
    EXPECT_EQ(*reinterpret_cast<const int*>(*address), r_debug::RT_CONSISTENT);
}

TEST(LoaderState, no_process_has_none) { EXPECT_FALSE(loader_state_address(ProcRoot{}, 0x3ffffff)); }

}  // namespace
}  // namespace whoholds
