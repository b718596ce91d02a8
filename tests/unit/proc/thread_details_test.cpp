#include "proc/thread_details.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "proc/system.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

std::string stat_text(const std::string& name, const std::string& user, const std::string& system) {
    return "43 (" + name + ") S 1 42 42 0 -1 4194560 100 0 0 0 " + user + " " + system +
           " 3 4 20 0 3 0 5000 1000 200 0\n";
}

TEST(ThreadDetails, are_read_through_the_root) {
    TempFolder folder;
    folder.write("42/task/43/stat", stat_text("a) R 1 (\n", "50", "150"));
    folder.write("42/task/43/wchan", "futex_wait_queue");

    const auto details = read_thread_details({folder.path()}, 42, 43);

    ASSERT_TRUE(details) << details.error().message;
    EXPECT_EQ(details->name, "a) R 1 (\n");
    EXPECT_EQ(details->state, 'S');
    EXPECT_EQ(details->wait_channel, "futex_wait_queue");
    EXPECT_EQ(details->cpu_s, 200.0 / static_cast<double>(clock_ticks_per_second()));
}

TEST(ThreadDetails, what_cannot_be_read_is_not_known) {
    TempFolder folder;
    folder.write("42/task/43/stat", stat_text("x", "-1", "many"));
    folder.write("42/task/44/stat", stat_text("y", "1", "1"));
    folder.write("42/task/44/wchan", "0");
    folder.write("42/task/45/stat", "nonsense");

    EXPECT_EQ(read_thread_details({folder.path()}, 42, 43)->cpu_s, std::nullopt);
    EXPECT_EQ(read_thread_details({folder.path()}, 42, 43)->wait_channel, "");
    EXPECT_EQ(read_thread_details({folder.path()}, 42, 44)->wait_channel, "");
    EXPECT_EQ(read_thread_details({folder.path()}, 42, 45).error().code, ErrorCode::kMalformed);
    EXPECT_EQ(read_thread_details({folder.path()}, 42, 46).error().code, ErrorCode::kNotFound);
}

TEST(ThreadDetails, of_ourselves_can_be_read) {
    const auto details = read_thread_details({}, ::getpid(), ::gettid());

    ASSERT_TRUE(details) << details.error().message;
    EXPECT_EQ(details->state, 'R');
    EXPECT_TRUE(details->cpu_s);
}

}  // namespace
}  // namespace whoholds
