#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "base/file.h"
#include "proc/process.h"
#include "proc/stat.h"
#include "proc/system.h"
#include "proc/threads.h"
#include "unit/base/temp_folder.h"
#include "unit/proc/child.h"

namespace whoholds {
namespace {

constexpr char kStatTail[] = " 1 42 42 0 -1 4194560 100 0 0 0 1 2 3 4 20 0 3 0 5000 1000 200 0";
constexpr char kStatus[] =
    "Name:\tserver\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t42\nNgid:\t0\nPid:\t42\nPPid:\t1\n"
    "Uid:\t1000\t1001\t1002\t1003\nGid:\t0\t0\t0\t0\nNSpid:\t42\t7\t1\nVmRSS:\t    1024 kB\nThreads:\t3\nSeccomp:\t2\n";

// The first bytes of an ELF file of the given class, byte order and machine.
std::string elf_header(char elf_class, char byte_order, uint16_t machine) {
    std::string header = std::string(
                             "\x7f"
                             "ELF") +
                         elf_class + byte_order + "\x01";
    header.resize(18);
    const bool big_endian = byte_order == 2;
    header += static_cast<char>(big_endian ? machine >> 8 : machine & 0xff);
    header += static_cast<char>(big_endian ? machine & 0xff : machine >> 8);
    return header;
}

// A /proc in which 42 is an ordinary process.
struct FakeProc : TempFolder {
    FakeProc() {
        write("42/stat", std::string("42 (server) S") + kStatTail + "\n");
        write("42/status", kStatus);
    }
    [[nodiscard]] ProcRoot root() const { return {path()}; }
};

TEST(Stat, ends_the_name_at_the_last_parenthesis) {
    const std::string name = "x) R 1 (\n) \"\x1b[31m";

    const auto stat = parse_stat("42 (" + name + ") S" + kStatTail);

    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->command, name);
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->start_ticks, 5000U);
}

TEST(Status, reads_whether_shadow_stacks_are_on) {
    FakeProc proc;
    ASSERT_TRUE(read_status(proc.root(), 42));
    EXPECT_FALSE(read_status(proc.root(), 42)->has_shadow_stack);

    proc.write("42/status", std::string(kStatus) + "x86_Thread_features:\tshstk wrss\n");

    EXPECT_TRUE(read_status(proc.root(), 42)->has_shadow_stack);
}

TEST(Status, T34_reads_who_debugs_it) {
    FakeProc proc;
    ASSERT_TRUE(read_status(proc.root(), 42));
    EXPECT_EQ(read_status(proc.root(), 42)->tracer_pid, 0);

    proc.write("42/status", std::string(kStatus) + "TracerPid:\t4711\n");

    EXPECT_EQ(read_status(proc.root(), 42)->tracer_pid, 4711);
}

TEST(Stat, refuses_what_is_cut_short) {
    const std::string whole = std::string("42 (server) S") + kStatTail;
    ASSERT_TRUE(parse_stat(whole));
    const size_t start_ticks_at = whole.find("5000");

    for (size_t length = 0; length < start_ticks_at; ++length) {
        EXPECT_FALSE(parse_stat(whole.substr(0, length))) << length;
    }
    EXPECT_FALSE(parse_stat(")("));
    EXPECT_FALSE(parse_stat("42 (x) SS 1 2"));
}

TEST(Status, T28_reads_all_numbers_of_a_process_in_nested_namespaces) {
    const FakeProc proc;

    const auto status = read_status(proc.root(), 42);

    ASSERT_TRUE(status);
    EXPECT_EQ(status->pid, 42);
    EXPECT_EQ(status->thread_group_id, 42);
    EXPECT_EQ(status->namespace_pids, (std::vector<pid_t>{42, 7, 1}));
    EXPECT_EQ(status->start_ticks, 5000U);
    EXPECT_EQ(status->command, "server");
    EXPECT_EQ(status->state, 'S');
    EXPECT_FALSE(status->is_kernel_thread);
    EXPECT_EQ(status->uid, 1001U);
    EXPECT_EQ(status->thread_count, 3U);
    EXPECT_EQ(status->seccomp_mode, 2);
    EXPECT_EQ(status->exe, "");
    EXPECT_EQ(status->pointer_bits, 0);
}

TEST(Status, reads_pointer_size_and_machine_from_the_program) {
    struct Row {
        char elf_class;
        char byte_order;
        uint16_t machine;
        int pointer_bits;
        const char* name;
    };
    for (const Row& row : {Row{2, 1, 62, 64, "x86-64"}, Row{1, 1, 3, 32, "i386"}, Row{1, 1, 62, 32, "x86-64"},
                           Row{2, 1, 183, 64, "aarch64"}, Row{2, 2, 22, 64, "s390"}, Row{2, 1, 243, 64, "riscv"},
                           Row{9, 1, 999, 0, "ELF machine 999"}}) {
        const FakeProc proc;
        proc.write("program", elf_header(row.elf_class, row.byte_order, row.machine));
        proc.link("42/exe", proc.path("program"));

        const auto status = read_status(proc.root(), 42);

        ASSERT_TRUE(status);
        EXPECT_EQ(status->exe, proc.path("program"));
        EXPECT_EQ(status->pointer_bits, row.pointer_bits);
        EXPECT_EQ(status->machine, row.name);
    }
}

TEST(Status, says_nothing_of_a_program_that_is_not_elf) {
    for (const std::string& content : {std::string(), std::string("#!/bin/sh\n"),
                                       std::string("\x7f"
                                                   "ELF\2\1")}) {
        const FakeProc proc;
        proc.write("program", content);
        proc.link("42/exe", proc.path("program"));

        const auto status = read_status(proc.root(), 42);

        ASSERT_TRUE(status);
        EXPECT_EQ(status->pointer_bits, 0);
        EXPECT_EQ(status->machine, "");
    }
}

TEST(Status, knows_kernel_threads) {
    const FakeProc proc;
    proc.write("42/stat", "42 (kworker/0:1-events) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0\n");

    const auto status = read_status(proc.root(), 42);

    ASSERT_TRUE(status);
    EXPECT_TRUE(status->is_kernel_thread);
    EXPECT_EQ(status->command, "kworker/0:1-events");
}

TEST(Status, falls_back_to_the_pid_where_the_kernel_has_no_nspid) {
    const FakeProc proc;
    proc.write("42/status", "Name:\tx\nTgid:\t42\nUid:\t0\t0\t0\t0\nThreads:\t1\n");

    const auto status = read_status(proc.root(), 42);

    ASSERT_TRUE(status);
    EXPECT_EQ(status->namespace_pids, std::vector<pid_t>{42});
    EXPECT_EQ(status->seccomp_mode, 0);
}

TEST(Status, refuses_a_status_without_sense) {
    for (const char* text : {"", "Tgid:\tx\n", "Tgid:\t42\n", "Tgid:\t42\nUid:\t0\t0\t0\t0\n",
                             "Tgid:\t42\nUid:\t0\t0\t0\t0\nThreads:\t1\nNSpid:\t42 x\n"}) {
        const FakeProc proc;
        proc.write("42/status", text);

        const auto status = read_status(proc.root(), 42);

        ASSERT_FALSE(status) << text;
        EXPECT_EQ(status.error().code, ErrorCode::kMalformed);
    }
}

TEST(Status, says_not_found_for_no_process_and_for_one_that_vanishes_between_reads) {
    const FakeProc proc;

    EXPECT_EQ(read_status(proc.root(), 43).error().message, "no process with pid 43");
    EXPECT_EQ(read_status(proc.root(), 0).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_status(proc.root(), -1).error().code, ErrorCode::kNotFound);
    proc.remove("42/status");

    EXPECT_EQ(read_status(proc.root(), 42).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_memory(proc.root(), 42, true).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_threads(proc.root(), 42).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(highest_seccomp_mode(proc.root(), 42), 0);
}

TEST(LiveStatus, knows_its_own_process) {
    const auto status = read_status({}, ::getpid());

    ASSERT_TRUE(status);
    EXPECT_EQ(status->thread_group_id, ::getpid());
    EXPECT_EQ(status->namespace_pids.front(), ::getpid());
    EXPECT_EQ(status->uid, ::geteuid());
    EXPECT_EQ(status->pointer_bits, static_cast<int>(sizeof(void*)) * 8);
    EXPECT_EQ(status->exe, read_link("/proc/self/exe").value());
    EXPECT_FALSE(status->exe_deleted);
    EXPECT_FALSE(status->is_kernel_thread);
}

TEST(LiveStatus, survives_a_name_that_looks_like_the_rest_of_the_line) {
    const Child child([] { ::prctl(PR_SET_NAME, ") R 1 \n(\x1b[2J"); });

    const auto status = read_status({}, child.pid());

    ASSERT_TRUE(status);
    EXPECT_EQ(status->command, ") R 1 \n(\x1b[2J");
    EXPECT_EQ(status->namespace_pids.front(), child.pid());
    EXPECT_NEAR(static_cast<double>(status->start_ticks), static_cast<double>(read_status({}, ::getpid())->start_ticks),
                1e7);
}

TEST(LiveStatus, knows_a_zombie) {
    Child child([] {});
    child.wait_until_zombie();

    const auto status = read_status({}, child.pid());
    const auto memory = read_memory({}, child.pid(), true);

    ASSERT_TRUE(status);
    EXPECT_TRUE(status->is_zombie());
    EXPECT_EQ(status->exe, "");
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->rss_bytes, 0U);
    EXPECT_TRUE(read_maps({}, child.pid()).value_or({}).empty());
}

TEST(LiveStatus, says_not_found_once_a_process_is_gone) {
    Child child([] {});
    const pid_t pid = child.pid();
    child.end();

    EXPECT_EQ(read_status({}, pid).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_maps({}, pid).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_memory({}, pid, false).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(read_threads({}, pid).error().code, ErrorCode::kNotFound);
    EXPECT_FALSE(read_container({}, pid));
}

TEST(LiveStatus, T28_sees_both_numbers_of_a_child_in_its_own_namespace) {
    const Child child([] {}, CLONE_NEWPID);
    if (!child.started()) GTEST_SKIP() << "needs the right to make a PID namespace";

    const auto status = read_status({}, child.pid());

    ASSERT_TRUE(status);
    ASSERT_GE(status->namespace_pids.size(), 2U);
    EXPECT_EQ(status->namespace_pids.front(), child.pid());
    EXPECT_EQ(status->namespace_pids.back(), 1);
}

TEST(LiveStatus, tells_a_deleted_program_from_one_that_is_called_so) {
    const TempFolder folder;
    for (const char* name : {"cat", "cat (deleted)"}) std::filesystem::copy_file("/bin/cat", folder.path(name));
    const auto start = [&](const char* name) {
        return [path = folder.path(name)] { ::execl(path.c_str(), "cat", nullptr); };
    };
    const Child deleted(start("cat"));
    const Child called_so(start("cat (deleted)"));
    folder.remove("cat");

    const auto first = read_status({}, deleted.pid());
    const auto second = read_status({}, called_so.pid());

    ASSERT_TRUE(first);
    EXPECT_EQ(first->exe, folder.path("cat"));
    EXPECT_TRUE(first->exe_deleted);
    EXPECT_EQ(first->pointer_bits, static_cast<int>(sizeof(void*)) * 8);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->exe, folder.path("cat (deleted)"));
    EXPECT_FALSE(second->exe_deleted);
}

// A filter that allows everything, for the calling thread only.
void install_seccomp_filter() {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

TEST(LiveStatus, T5_finds_the_one_thread_under_a_seccomp_filter) {
    const Child child([] {
        static std::promise<void> filtered;
        std::thread([] {
            install_seccomp_filter();
            filtered.set_value();
            ::pause();
        }).detach();
        filtered.get_future().wait();
    });

    EXPECT_EQ(read_status({}, child.pid())->seccomp_mode, 0);
    EXPECT_EQ(highest_seccomp_mode({}, child.pid()), 2);
    EXPECT_EQ(read_threads({}, child.pid())->size(), 2U);
    EXPECT_EQ(read_threads({}, child.pid())->front(), child.pid());
}

TEST(Threads, lists_numbers_in_order_and_nothing_else) {
    const FakeProc proc;
    for (const char* tid : {"100", "42", "7", "x", "-3", "12x"}) {
        proc.write(std::string("42/task/") + tid + "/comm", "t\n");
    }

    EXPECT_EQ(read_threads(proc.root(), 42).value(), (std::vector<pid_t>{7, 42, 100}));
}

TEST(LiveStatus, knows_when_it_started) {
    const auto status = read_status({}, ::getpid());
    ASSERT_TRUE(status);

    const auto uptime_s = read_uptime_s({}, *status);
    const auto started_ns = read_start_time_unix_ns({}, *status);

    ASSERT_TRUE(uptime_s);
    EXPECT_GE(*uptime_s, 0.0);
    EXPECT_LE(*uptime_s, read_system_uptime_s({}).value());
    ASSERT_TRUE(started_ns);
    EXPECT_GE(*started_ns / 1'000'000'000, read_boot_time_s({}).value());
}

}  // namespace
}  // namespace whoholds
