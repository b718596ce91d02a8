#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/formats.h"
#include "unit/report/sample_reports.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FoldedReport, goes_from_the_command_over_the_kind_to_who_acquired) {
    EXPECT_THAT(write_folded(sample_report("leaking"), {}),
                HasSubstr("payments-api;heap;payments-api+0x18e1;__libc_start_call_main;main;shop::Server::accept_loop;"
                          "shop::Session::open;shop::WriteBuffer::WriteBuffer;std::vector<char>::vector 56727962\n"));
}

TEST(FoldedReport, incomplete_stacks_say_so_at_their_outer_end) {
    EXPECT_THAT(write_folded(sample_report("leaking"), {}), HasSubstr("payments-api;heap;[incomplete stack];"));
}

TEST(FoldedReport, kinds_without_bytes_are_counted) {
    EXPECT_THAT(write_folded(sample_report("resources"), {}), HasSubstr(";socket;[taken before attach] 19\n"));
}

TEST(FoldedReport, sorted_by_total_it_shows_all_that_was_ever_acquired) {
    Report report = sample_report("leaking");
    report.sorted_by = "total";
    EXPECT_THAT(write_folded(report, {}), HasSubstr("std::vector<char>::vector 1181116006\n"));
}

TEST(FoldedReport, names_cannot_make_frames_or_lines) {
    Report report = sample_report("leaking");
    report.processes[0].stacks[0].frames[0].function = "func(struct { a int; b int })\n1";
    report.processes[0].command = "a;b";
    EXPECT_THAT(write_folded(report, {}), HasSubstr("a:b;heap;"));
    EXPECT_THAT(write_folded(report, {}), HasSubstr(";func(struct { a int: b int })?1 56727962\n"));
}

TEST(FoldedReport, several_processes_are_told_apart) {
    EXPECT_THAT(write_folded(sample_report("two_processes"), {}), HasSubstr("payments-api-4711;heap;"));
    EXPECT_THAT(write_folded(sample_report("leaking"), {}), Not(HasSubstr("4711")));
}

}  // namespace
}  // namespace whoholds
