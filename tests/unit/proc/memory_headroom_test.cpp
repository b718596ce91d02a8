#include "proc/memory_headroom.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

struct Machine : TempFolder {
    Machine() {
        write("proc/42/cgroup", "0::/pod/app\n");
        write("proc/42/statm", "9000 500 100 1 0 300 0\n");
        write("proc/self/mountinfo", "30 20 0:26 / " + path("cgroup") + " rw,nosuid shared:4 - cgroup2 cgroup rw\n");
        write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:    600 kB\n");
        group("pod/app", "max", 5000, 0);
        group("pod", "max", 5000, 0);
    }
    void group(const std::string& name, const std::string& max, uint64_t now, uint64_t files) const {
        write("cgroup/" + name + "/memory.max", max + "\n");
        write("cgroup/" + name + "/memory.current", std::to_string(now) + "\n");
        write("cgroup/" + name + "/memory.stat",
              "anon 3000\nfile 1500\ninactive_file " + std::to_string(files) + "\nactive_file 100\nshmem 200\n");
    }
    [[nodiscard]] ProcRoot root() const { return {path("proc"), path("cgroup")}; }
};

TEST(MemoryHeadroom, is_the_machine_s_where_no_group_is_limited) {
    const Machine machine;

    const auto headroom = read_memory_headroom(machine.root(), 42);

    ASSERT_TRUE(headroom);
    EXPECT_EQ(headroom->source, "physical memory");
    EXPECT_EQ(headroom->limit_bytes, 1000U * 1024);
    EXPECT_EQ(headroom->left_bytes, 600U * 1024);
}

TEST(MemoryHeadroom, is_that_of_the_group_with_the_least_left_and_page_cache_counts_as_left) {
    const Machine machine;
    machine.group("pod/app", "20000", 10'000, 4000);
    machine.group("pod", "30000", 25'000, 0);

    const auto headroom = read_memory_headroom(machine.root(), 42);

    ASSERT_TRUE(headroom);
    EXPECT_EQ(headroom->source, "memory.max");
    EXPECT_EQ(headroom->limit_bytes, 30'000U);
    EXPECT_EQ(headroom->left_bytes, 5100U);
}

TEST(MemoryHeadroom, below_zero_is_zero) {
    const Machine machine;
    machine.group("pod/app", "20000", 21'000, 0);

    EXPECT_EQ(read_memory_headroom(machine.root(), 42)->left_bytes, 0U);
}

TEST(SpareMemory, is_the_least_left_in_our_groups_and_in_those_of_the_process) {
    const Machine machine;
    machine.group("pod/app", "20000", 10'000, 4000);
    machine.group("pod", "30000", 25'000, 0);
    EXPECT_EQ(read_spare_memory(machine.root(), 42).bytes, 5100U);

    machine.group("pod/debugger", "9000", 5000, 0);
    machine.write("proc/77/cgroup", "0::/pod/debugger\n");
    std::filesystem::rename(machine.path("proc/self"), machine.path("proc/77/all"));
    std::filesystem::rename(machine.path("proc/77/all/mountinfo"), machine.path("proc/77/mountinfo"));
    std::filesystem::create_symlink("77", machine.path("proc/self"));
    EXPECT_EQ(read_spare_memory(machine.root(), 42).bytes, 4100U);
}

TEST(SpareMemory, is_not_sure_where_groups_around_ours_are_hidden) {
    const auto spare_in = [](const char* namespace_of_groups) {
        const Machine machine;
        std::filesystem::create_directories(machine.path("proc/self/ns"));
        std::filesystem::create_symlink(namespace_of_groups, machine.path("proc/self/ns/cgroup"));
        return read_spare_memory(machine.root(), 42);
    };

    EXPECT_TRUE(spare_in("cgroup:[4026531835]").sees_all_limits);
    EXPECT_FALSE(spare_in("cgroup:[4026532000]").sees_all_limits);
}

TEST(RssBytes, are_pages_of_statm) {
    const Machine machine;

    EXPECT_EQ(read_rss_bytes(machine.root(), 42), 500U * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
    EXPECT_FALSE(read_rss_bytes(machine.root(), 43));
    EXPECT_GT(read_rss_bytes(ProcRoot(), getpid()).value_or(0), 0U);
}

}  // namespace
}  // namespace whoholds
