#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "proc/cgroup.h"
#include "proc/process.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

// Below one folder: proc/ with process 42, cgroup/ with the mounted hierarchies, container/ as the root of 42.
struct FakeMachine : TempFolder {
    FakeMachine() { write("proc/42/status", "Name:\tx\nVmSize:\t  9000 kB\nVmRSS:\t  1024 kB\nRssAnon:\t 512 kB\n"); }
    [[nodiscard]] ProcRoot root() const { return {path("proc"), path("cgroup")}; }
    void mount(std::string_view below_cgroup, std::string_view mounted_root, std::string_view type) const {
        write("proc/self/mountinfo", "30 20 0:26 " + std::string(mounted_root) + " " +
                                         path("cgroup" + std::string(below_cgroup)) + " rw,nosuid shared:4 - " +
                                         std::string(type) + " cgroup rw\n");
    }
    [[nodiscard]] std::optional<uint64_t> limit() const {
        const auto use = read_memory(root(), 42, false);
        return use ? use->limit_bytes : std::nullopt;
    }
};

TEST(MemoryUse, reads_status_in_bytes) {
    const FakeMachine machine;
    machine.write("proc/42/status",
                  "Name:\tVmRSS:\nVmSize:\t  9000 kB\nVmRSS:\t  1024 kB\nRssAnon:\t 512 kB\nRssFile:\t 500 kB\n"
                  "RssShmem:\t 12 kB\nVmSwap:\t 4 kB\n");
    machine.write("proc/42/smaps_rollup",
                  "1000-2000 ---p 00000000 00:00 0 [rollup]\nRss: 1024 kB\nPss: 700 kB\n"
                  "Pss_Dirty: 1 kB\n");

    const auto use = read_memory(machine.root(), 42, true);

    ASSERT_TRUE(use);
    EXPECT_EQ(use->virtual_bytes, 9000U * 1024);
    EXPECT_EQ(use->rss_bytes, 1024U * 1024);
    EXPECT_EQ(use->anon_bytes, 512U * 1024);
    EXPECT_EQ(use->file_bytes, 500U * 1024);
    EXPECT_EQ(use->shmem_bytes, 12U * 1024);
    EXPECT_EQ(use->swap_bytes, 4U * 1024);
    EXPECT_EQ(use->pss_bytes, 700U * 1024);
    EXPECT_FALSE(use->limit_bytes);
    EXPECT_EQ(use->limit_source, "");
}

TEST(MemoryUse, leaves_out_pss_unless_asked_and_able) {
    const FakeMachine machine;
    EXPECT_FALSE(read_memory(machine.root(), 42, true)->pss_bytes);
    machine.write("proc/42/smaps_rollup", "Pss: 700 kB\n");
    EXPECT_FALSE(read_memory(machine.root(), 42, false)->pss_bytes);
}

TEST(MemoryUse, sees_the_memory_of_its_own_process_grow) {
    constexpr size_t kSize = size_t{64} << 20;
    ASSERT_TRUE(read_memory({}, ::getpid(), true));  // what the allocator takes for that, it has from now on
    const auto before = read_memory({}, ::getpid(), true);
    void* block = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    std::memset(block, 1, kSize);

    const auto after = read_memory({}, ::getpid(), true);

    ::munmap(block, kSize);
    ASSERT_TRUE(before && after);
    EXPECT_GE(after->virtual_bytes, before->virtual_bytes + kSize);
    // Pages of files may go meanwhile, where memory is short, and others may be swapped out. The kernel counts per processor and adds
    // up late; a quarter is far more than it may be off.
    EXPECT_GE(after->anon_bytes + after->swap_bytes, before->anon_bytes + before->swap_bytes + kSize / 4 * 3);
    EXPECT_EQ(after->rss_bytes, after->anon_bytes + after->file_bytes + after->shmem_bytes);
    EXPECT_TRUE(after->pss_bytes);
}

TEST(MemoryLimit, takes_the_tightest_of_all_parents) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "0::/a/b/c\n");
    machine.write("cgroup/a/b/c/memory.max", "max\n");
    machine.write("cgroup/a/b/memory.max", "2147483648\n");
    machine.write("cgroup/a/memory.max", "4294967296\n");

    const auto use = read_memory(machine.root(), 42, false);

    ASSERT_TRUE(use);
    EXPECT_EQ(use->limit_bytes, 2147483648U);
    EXPECT_EQ(use->limit_source, "memory.max");
}

TEST(MemoryLimit, is_absent_where_nothing_limits) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "0::/a\n");
    machine.write("cgroup/a/memory.max", "max\n");
    EXPECT_FALSE(machine.limit());

    machine.write("proc/42/cgroup", "garbage\n::\n0:\n0::relative\n");
    EXPECT_FALSE(machine.limit());
    machine.remove("proc/42/cgroup");
    EXPECT_FALSE(machine.limit());
}

TEST(MemoryLimit, is_absent_without_a_mounted_hierarchy) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "0::/a\n4:memory:/a\n");

    EXPECT_FALSE(machine.limit());
}

TEST(MemoryLimit, reads_version_1) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "7:cpu,cpuacct:/other\n4:memory:/docker/x\n1:name=systemd:/docker/x\n");
    machine.write("cgroup/memory/docker/x/memory.limit_in_bytes", "536870912\n");
    machine.write("cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
    machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

    const auto use = read_memory(machine.root(), 42, false);

    ASSERT_TRUE(use);
    EXPECT_EQ(use->limit_bytes, 536870912U);
    EXPECT_EQ(use->limit_source, "memory.limit_in_bytes");
}

TEST(MemoryLimit, takes_the_largest_page_count_for_no_limit) {
    for (const char* none : {"9223372036854771712", "9223372036854710272", "18446744073709551615", "-1"}) {
        const FakeMachine machine;
        machine.write("proc/42/cgroup", "4:memory:/x\n");
        machine.write("cgroup/memory/x/memory.limit_in_bytes", none);

        EXPECT_FALSE(machine.limit()) << none;
    }
}

TEST(MemoryLimit, asks_version_1_for_parents_that_are_not_mounted) {
    const FakeMachine machine;
    machine.mount("/memory", "/kubepods/pod1/c1", "cgroup");
    machine.write("proc/42/cgroup", "4:memory:/kubepods/pod1/c1\n");
    machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    machine.write("cgroup/memory/memory.stat", "cache 1\nhierarchical_memory_limit 1000000\n");

    EXPECT_EQ(machine.limit(), 1000000U);
}

TEST(MemoryLimit, finds_memory_in_either_half_of_a_hybrid_machine) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "4:memory:/x\n0::/y\n");
    machine.write("cgroup/memory/x/memory.limit_in_bytes", "3000\n");
    machine.write("cgroup/unified/y/memory.max", "2000\n");

    EXPECT_EQ(machine.limit(), 2000U);
}

TEST(MemoryLimit, reads_a_mount_that_shows_only_a_part) {
    const FakeMachine machine;
    machine.mount("", "/docker/abc", "cgroup2");
    machine.write("cgroup/memory.max", "1000\n");
    machine.write("cgroup/inner/memory.max", "2000\n");

    machine.write("proc/42/cgroup", "0::/docker/abc/inner\n");
    EXPECT_EQ(machine.limit(), 1000U);
    machine.write("proc/42/cgroup", "0::/docker/abc\n");
    EXPECT_EQ(machine.limit(), 1000U);
    machine.write("proc/42/cgroup", "0::/docker/abcdef\n");
    EXPECT_FALSE(machine.limit());
}

TEST(MemoryLimit, reads_the_hosts_mount_from_inside_of_a_cgroup_namespace) {
    const FakeMachine machine;
    machine.mount("", "/../../..", "cgroup2");
    machine.write("cgroup/kubepods/pod1/memory.max", "1000\n");
    machine.write("cgroup/kubepods/pod1/c1/memory.max", "max\n");

    machine.write("proc/42/cgroup", "0::/../../../kubepods/pod1/c1\n");
    EXPECT_EQ(machine.limit(), 1000U);
    machine.write("proc/42/cgroup", "0::/../../../../kubepods/pod1/c1\n");
    EXPECT_FALSE(machine.limit());
}

TEST(MemoryLimit, does_not_take_our_own_limit_for_that_of_a_sibling_container) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "0::/../cri-containerd-abc.scope\n");
    machine.write("cgroup/memory.max", "1000\n");
    EXPECT_FALSE(machine.limit());

    machine.link("proc/42/root", machine.path("container"));
    machine.write("container/sys/fs/cgroup/memory.max", "2000\n");
    EXPECT_EQ(machine.limit(), 2000U);
}

TEST(MemoryLimit, T29_does_not_follow_links_out_of_a_container) {
    const FakeMachine machine;
    machine.write("proc/42/cgroup", "0::/../x\n");
    machine.write("secret", "1234\n");
    machine.link("proc/42/root", machine.path("container"));
    machine.link("container/sys/fs/cgroup/memory.max", machine.path("secret"));

    EXPECT_FALSE(machine.limit());
}

TEST(MemoryLimit, survives_a_process_that_leads_upwards) {
    const FakeMachine machine;
    machine.write("cgroup/memory.max", "1000\n");
    machine.write("memory.max", "1\n");
    for (const char* path : {"/..", "/../..", "/a/../../x", "/../a/../../b"}) {
        machine.write("proc/42/cgroup", std::string("0::") + path + "\n");
        EXPECT_FALSE(machine.limit()) << path;
    }
}

TEST(Cgroups, splits_lines_at_the_first_two_colons_only) {
    const auto memberships = parse_cgroups("12:cpu,cpuacct:/a:b\n0::/x:cri-containerd:y (deleted)\n1:name=systemd:/\n");

    ASSERT_EQ(memberships.size(), 3U);
    EXPECT_EQ(memberships[0].path, "/a:b");
    EXPECT_EQ(memberships[0].controllers, "cpu,cpuacct");
    EXPECT_FALSE(memberships[0].unified);
    EXPECT_EQ(memberships[1].path, "/x:cri-containerd:y");
    EXPECT_TRUE(memberships[1].unified);
    EXPECT_FALSE(memberships[2].unified);
}

}  // namespace
}  // namespace whoholds
