#include "proc/sleep.h"

#include <gtest/gtest.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

class Sleep : public ::testing::Test {
protected:
    void write(const std::string& file, const std::string& text) const { folder_.write("42/" + file, text); }
    void write_state(char state) const {
        write("stat", std::string("42 (a) S b) ") + state + " 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 777\n");
    }
    [[nodiscard]] ProcRoot root() const { return {.path = folder_.path()}; }

private:
    TempFolder folder_;
};

TEST_F(Sleep, the_stack_ends_below_the_red_zone) {
    write("syscall", "232 0x5 0x7ffc0 0x400 0xffffffff 0x0 0x0 0x7ffd00001234 0x7f0000000000\n");
    EXPECT_EQ(end_of_sleepers_stack(root(), 42), 0x7ffd000011b0U);
    write("syscall", "-1 0x7ffd00001000 0x7f0000000000\n");
    EXPECT_EQ(end_of_sleepers_stack(root(), 42), 0x7ffd00000f80U) << "out of a system call";
}

TEST_F(Sleep, the_stack_of_a_thread_that_runs_is_not_known) {
    for (const char* text : {"running\n", "", " 0x", " 0x10 0x20", " 0xzz 0x20", "0x7ffd00001000 0x7f0000000000"}) {
        write("syscall", text);
        EXPECT_EQ(end_of_sleepers_stack(root(), 42), 0U) << text;
    }
    EXPECT_EQ(end_of_sleepers_stack(root(), 43), 0U);
}

TEST_F(Sleep, the_mark_is_of_a_thread_that_sleeps_and_changes_once_it_has_run) {
    write("schedstat", "100 20 3\n");
    write_state('S');
    const std::string mark = sleep_mark(root(), 42);
    EXPECT_NE(mark, "");
    EXPECT_EQ(sleep_mark(root(), 42), mark);

    write("schedstat", "101 20 4\n");
    EXPECT_NE(sleep_mark(root(), 42), mark);

    write_state('R');
    EXPECT_EQ(sleep_mark(root(), 42), "");
    EXPECT_EQ(sleep_mark(root(), 43), "");
}

}  // namespace
}  // namespace whoholds
