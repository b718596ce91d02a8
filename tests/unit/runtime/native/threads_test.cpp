#include "runtime/native/threads.h"

#include <gtest/gtest.h>

#include <set>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

TEST(Threads, every_row_is_unique_valid_and_found) {
    std::set<std::string_view> seen;
    for (const ThreadFunction& function : thread_functions()) {
        SCOPED_TRACE(function.symbol);

        EXPECT_TRUE(is_valid(unpack(function.shape)));
        EXPECT_TRUE(seen.insert(function.symbol).second);
        EXPECT_EQ(find_thread_function(function.symbol), &function);
        EXPECT_EQ(unpack(function.shape).kind, WH_KIND_JOINABLE);
    }
    EXPECT_EQ(find_thread_function("pthread_self"), nullptr);
}

TEST(Threads, what_waits_may_be_left_by_a_cancellation) {
    for (const char* symbol : {"pthread_join", "pthread_timedjoin_np", "pthread_clockjoin_np", "thrd_join"}) {
        EXPECT_TRUE(find_thread_function(symbol)->may_throw) << symbol;
    }
}

}  // namespace
}  // namespace whoholds
