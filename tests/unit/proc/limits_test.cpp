#include "proc/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

struct LimitedMachine : TempFolder {
    LimitedMachine() {
        write("proc/42/limits",
              "Limit                     Soft Limit           Hard Limit           Units\n"
              "Max processes             95819                95819                processes\n"
              "Max open files            1024                 524288               files\n");
        write("proc/42/cgroup", "0::/pod/app\n");
        write("proc/self/mountinfo", "30 20 0:26 / " + path("cgroup") + " rw,nosuid shared:4 - cgroup2 cgroup rw\n");
        write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:    600 kB\n");
        write("cgroup/pod/app/memory.current", "5000\n");
        write("cgroup/pod/app/memory.max", "max\n");
        write("cgroup/pod/app/memory.stat", "anon 3000\nfile 1500\nkernel 7\nshmem 200\n");
        write("cgroup/pod/app/pids.max", "100\n");
        write("cgroup/pod/app/pids.current", "7\n");
        write("cgroup/pod/memory.current", "9000\n");
        write("cgroup/pod/memory.max", "10000\n");
        write("cgroup/pod/pids.max", "50\n");
        write("cgroup/pod/pids.current", "40\n");
    }
    [[nodiscard]] ProcRoot root() const { return {path("proc"), path("cgroup")}; }
};

TEST(Limits, are_those_that_are_the_nearest) {
    const LimitedMachine machine;

    const Limits limits = read_limits(machine.root(), 42);

    EXPECT_EQ(limits.open_files, 1024U);
    EXPECT_EQ(limits.pids_max, 50U);
    EXPECT_EQ(limits.pids_now, 40U);
    EXPECT_EQ(limits.memory_now_bytes, 9000U);
    EXPECT_EQ(limits.group_file_bytes, 1500U);
    EXPECT_EQ(limits.group_shmem_bytes, 200U);
    EXPECT_EQ(limits.group_anon_bytes, 3000U);
    EXPECT_EQ(limits.machine_total_bytes, 1000U * 1024);
    EXPECT_EQ(limits.machine_available_bytes, 600U * 1024);
}

TEST(Limits, of_a_process_that_has_none_are_not_known) {
    const LimitedMachine machine;
    machine.write("proc/42/limits", "Max open files            unlimited            unlimited            files\n");
    machine.write("proc/42/cgroup", "");

    const Limits limits = read_limits(machine.root(), 42);

    EXPECT_FALSE(limits.open_files);
    EXPECT_FALSE(limits.pids_max);
    EXPECT_FALSE(limits.memory_now_bytes);
    EXPECT_FALSE(read_limits(machine.root(), 43).open_files);
}

TEST(Limits, of_ourselves_are_what_the_kernel_says) {
    rlimit files{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);

    const Limits limits = read_limits(ProcRoot(), getpid());

    if (files.rlim_cur != RLIM_INFINITY) {
        EXPECT_EQ(limits.open_files, files.rlim_cur);
    }
    EXPECT_GT(limits.machine_total_bytes.value_or(0), limits.machine_available_bytes.value_or(0));
}

}  // namespace
}  // namespace whoholds
