#include "proc/system.h"

#include <gtest/gtest.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

TEST(KernelRelease, reads_the_forms_that_distributions_use) {
    EXPECT_EQ(parse_kernel_release("6.1.0-18-amd64\n").value(), (KernelRelease{6, 1, 0}));
    EXPECT_EQ(parse_kernel_release("5.14.0-427.el9.x86_64").value(), (KernelRelease{5, 14, 0}));
    EXPECT_EQ(parse_kernel_release("5.15.167.4-microsoft-standard-WSL2").value(), (KernelRelease{5, 15, 167}));
    EXPECT_EQ(parse_kernel_release("6.18").value(), (KernelRelease{6, 18, 0}));
    EXPECT_EQ(parse_kernel_release("6.9-rc3").value(), (KernelRelease{6, 9, 0}));
    EXPECT_EQ(parse_kernel_release("6.9.+").value(), (KernelRelease{6, 9, 0}));
}

TEST(KernelRelease, refuses_what_is_no_release) {
    for (const char* text : {"", "6", "6.", "x.1", "6.x", "-6.1", "99999999999.1", "\x1b[31m"}) {
        EXPECT_FALSE(parse_kernel_release(text)) << text;
    }
}

TEST(KernelRelease, compares_as_numbers) {
    EXPECT_LT((KernelRelease{6, 9, 12}), (KernelRelease{6, 11, 0}));
    EXPECT_GT((KernelRelease{6, 0, 0}), (KernelRelease{5, 19, 17}));
}

TEST(System, reads_times_and_release_below_a_root) {
    const TempFolder proc;
    proc.write("uptime", "1000.50 3000.00\n");
    proc.write("stat", "cpu  1 2 3\nintr 5\nbtime 1700000000\nprocesses 3\n");
    proc.write("sys/kernel/osrelease", "6.1.0-18-amd64\n");
    const ProcRoot root{proc.path()};
    ProcessStatus status;
    status.start_ticks = 500 * clock_ticks_per_second() + clock_ticks_per_second() / 2;

    EXPECT_DOUBLE_EQ(read_system_uptime_s(root).value(), 1000.5);
    EXPECT_EQ(read_boot_time_s(root).value(), 1700000000);
    EXPECT_EQ(read_start_time_unix_ns(root, status).value(), 1700000500'500'000'000);
    EXPECT_DOUBLE_EQ(read_uptime_s(root, status).value(), 500.0);
    EXPECT_EQ(read_kernel_release(root).value(), (KernelRelease{6, 1, 0}));
}

TEST(System, takes_a_process_of_this_moment_as_new) {
    const TempFolder proc;
    proc.write("uptime", "10.00 3000.00\n");
    ProcessStatus status;
    status.start_ticks = 11 * clock_ticks_per_second();

    EXPECT_EQ(read_uptime_s({proc.path()}, status).value(), 0.0);
}

TEST(System, refuses_times_that_make_no_sense) {
    for (const char* text : {"", "x", "-1.0 2", "nan 1", "inf 1", "1.0x 2"}) {
        const TempFolder proc;
        proc.write("uptime", text);
        EXPECT_FALSE(read_system_uptime_s({proc.path()})) << text;
    }
    const TempFolder proc;
    proc.write("stat", "cpu 1\nbtime 9223372036854775807\n");
    ProcessStatus status;
    status.start_ticks = UINT64_MAX;
    EXPECT_FALSE(read_start_time_unix_ns({proc.path()}, status));
    proc.write("stat", "cpu 1\n");
    EXPECT_FALSE(read_boot_time_s({proc.path()}));
}

TEST(System, knows_whether_the_kernel_has_btf) {
    const TempFolder folder;
    folder.write("vmlinux", "x");

    EXPECT_TRUE(has_btf(folder.path("vmlinux")));
    EXPECT_FALSE(has_btf(folder.path("none")));
    EXPECT_FALSE(has_btf(folder.path()));
}

TEST(System, counts_processors) {
    EXPECT_EQ(parse_cpu_count("0\n").value(), 1U);
    EXPECT_EQ(parse_cpu_count("0-3,8,10-11\n").value(), 7U);
    EXPECT_GE(read_online_cpu_count().value(), 1U);
    for (const char* text : {"", "\n", "x", "3-1", "0-", "-3", "0,,1", "0-4294967295"}) {
        EXPECT_FALSE(parse_cpu_count(text)) << text;
    }
}

}  // namespace
}  // namespace whoholds
