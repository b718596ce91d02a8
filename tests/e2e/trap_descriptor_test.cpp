// Traps of descriptors and threads across threads that die, fork, exec, namespaces and roots.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "e2e/proc_tables.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// The tracer has seen the call begin, and it never ends.
TEST_F(E2eTest, T25_thread_dies_while_it_accepts) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report =
        trace(puppet, {"die_in_accept 40", "leak site_open 3", "leak site_accept 2", "cycle site_accept 5"});

    EXPECT_EQ(report.caller("site_cancelled", "socket").acquired.count, 0U);
    EXPECT_EQ(held_from(report, "site_open", "fd"), 3U);
    EXPECT_EQ(held_from(report, "site_accept", "socket"), 2U);
    EXPECT_EQ(report.kind("thread").held.count, 1U);
    EXPECT_EQ(report.kind("joinable").held.count, 0U);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    expect_balanced(report);
}

class T26Children : public E2eTest, public ::testing::WithParamInterface<const char*> {};

// Whatever a child does to its copy of the table, the parent's is the parent's: also where both live in the same memory.
TEST_P(T26Children, child_s_descriptors_are_not_ours) {
    Puppet puppet("descriptors_puppet");
    puppet.command("leak site_socketpair 2");

    const ReportReader report =
        trace(puppet, {"leak site_open 3", "leak site_socket_tcp 2", GetParam(), "leak site_openat 1"});

    EXPECT_EQ(report.caller("site_vforked", "fd").acquired.count, 0U);
    EXPECT_EQ(report.caller("site_open", "fd").held.count, 3U);
    EXPECT_EQ(report.caller("site_socket_tcp", "socket").held.count, 2U);
    EXPECT_EQ(report.caller("site_openat", "fd").held.count, 1U);
    EXPECT_EQ(report.kind("fd").released.count, 0U);
    EXPECT_EQ(report.kind("thread").held.count, 1U);
    EXPECT_EQ(held_before_attach(report, "socket"), 5U);  // two pairs and the puppet's listener
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    expect_balanced(report);
}

INSTANTIATE_TEST_SUITE_P(Each, T26Children, ::testing::Values("fork_closes", "vfork_closes", "spawn"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(E2eTest, T27_exec_closes_what_is_marked_so) {
    Puppet puppet("descriptors_puppet");
    puppet.command("leak site_opendir 2");  // with O_CLOEXEC, as the C library opens it

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.1"});
    puppet.command("leak site_open 3");
    EXPECT_EQ(puppet.command("exec"), "executed");
    // Attaching to the new program takes its time; from then on its calls are seen.
    ReportReader report;
    unsigned leaked = 0;
    do {
        puppet.command("leak site_eventfd 1");
        leaked++;
        report = whoholds.later_report();
        EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    } while (report.root().is_object() && report.caller("site_eventfd", "fd").held.count == 0 && leaked < 100);
    report = whoholds.finish();

    EXPECT_EQ(report.caller("site_before_exec_cloexec", "fd").held.count, 0U);
    EXPECT_EQ(report.with_function("site_opendir", "fd").held.count, 0U);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    EXPECT_EQ(report.kind("thread").held.count, 1U);
    expect_balanced(report);
}

TEST_F(E2eTest, T27_exit_leaves_a_final_report_of_what_was_open) {
    Puppet puppet("descriptors_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("leak site_open 3");
    puppet.command("leak site_socket_tcp 2");
    puppet.process().write_line("exit 0");
    const ReportReader report = whoholds.wait_final();

    EXPECT_EQ(report.caller("site_open", "fd").acquired.count, 3U);
    EXPECT_EQ(report.caller("site_socket_tcp", "socket").acquired.count, 2U);
    expect_balanced(report);
}

const std::vector<std::string> kNewPidNamespace = {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"};

std::vector<std::string> task_ids_of(pid_t pid) {
    std::vector<std::string> ids;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
        ids.push_back(entry.path().filename());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

std::vector<std::string> reported_task_ids(const ReportReader& report) {
    std::vector<std::string> ids;
    for (const json& stack : report.stacks("thread")) {
        for (const json& item : stack.value("items", json::array())) ids.push_back(item["tid"].dump());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

TEST_F(E2eTest, T28_target_in_a_pid_namespace_below) {
    Puppet threads("threads_puppet", {.launcher = kNewPidNamespace});
    Puppet descriptors("descriptors_puppet", {.launcher = kNewPidNamespace});
    threads.command("start site_waiting 2");

    const ReportReader report = trace(threads, {"start site_waiting 3", "start site_raw 1"});
    const ReportReader opened = trace(descriptors, {"leak site_open 3", "leak site_socketpair 2"});

    EXPECT_EQ(report.with_function("site_waiting", "thread").held.count, 3U);
    EXPECT_EQ(report.with_function("site_raw", "thread").held.count, 1U);
    EXPECT_EQ(reported_task_ids(report), task_ids_of(threads.pid())) << "as /proc of the tool numbers them";
    EXPECT_EQ(held_tables(report), proc_tables_of(threads.pid()));
    EXPECT_EQ(opened.caller("site_open", "fd").held.count, 3U);
    EXPECT_EQ(opened.caller("site_socketpair", "socket").held.count, 4U);
    EXPECT_EQ(held_tables(opened), proc_tables_of(descriptors.pid()));
}

// As from a debug container: the tool sees the numbers of the target's namespace.
TEST_F(E2eTest, T28_tool_inside_the_namespace) {
    Puppet puppet("threads_puppet", {.launcher = kNewPidNamespace});
    Launch inside;
    inside.command = {"nsenter", "--target", std::to_string(puppet.pid()), "--pid", "--mount"};

    Whoholds whoholds({"-p", "1", "0.1"}, inside);
    ASSERT_TRUE(whoholds.wait_attached()) << whoholds.errors();
    puppet.command("start site_waiting 3");
    const ReportReader report = whoholds.later_report();
    const ProcTables tables = proc_tables_of(puppet.pid());
    puppet.process().write_line("quit");  // the namespace ends with its first process, and the tool with it
    puppet.process().wait();

    EXPECT_EQ(report.with_function("site_waiting", "thread").held.count, 3U);
    EXPECT_EQ(held_tables(report), tables);
    for (const std::string& id : reported_task_ids(report)) EXPECT_LT(std::stoul(id), 1000U) << "of the namespace";
}

// Its C library is a file of its own, found through its root alone.
TEST_F(E2eTest, T30_target_with_another_root) {
    const TemporaryFolder root;
    std::filesystem::create_directories(root.path() + "/tmp");
    std::filesystem::create_directories(root.path() + "/dev");
    std::ofstream(root.path() + "/dev/null").close();
    std::ofstream(root.path() + "/dev/zero").close();
    std::filesystem::create_directories(root.path() + "/proc");
    for (const char* file : {"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}) {
        const std::string copy = root.path() + file;
        std::filesystem::create_directories(std::filesystem::path(copy).parent_path());
        std::filesystem::copy_file(file, copy);
    }
    const std::string program = target_path("descriptors_puppet");
    std::filesystem::create_directories(std::filesystem::path(root.path() + program).parent_path());
    std::filesystem::copy_file(program, root.path() + program);
    Puppet puppet("descriptors_puppet", {.launcher = {"unshare", "--root=" + root.path(), "--fork", "--kill-child"}});
    ASSERT_GT(puppet.pid(), 0);

    const ReportReader report = trace(puppet, {"leak site_open 3", "leak site_creat 1", "leak site_accept4 2"});

    EXPECT_EQ(report.caller("site_open", "fd").held.count, 3U);
    EXPECT_EQ(report.caller("site_creat", "fd").held.count, 1U);
    EXPECT_EQ(report.caller("site_accept4", "socket").held.count, 2U);
    for (const json& item : items_from(report, "site_open", "fd")) {
        EXPECT_TRUE(text_of(item, "name").ends_with("/dev/null")) << item;
    }
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    expect_balanced(report);
}

// One thread has left the table that the others share; what it opens is not the process's, and neither is what it closes.
TEST_F(E2eTest, T37_thread_with_a_table_of_its_own) {
    Puppet puppet("descriptors_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("leak site_open 3");
    puppet.command("unshare");
    puppet.command("leak site_openat 2");
    const ProcTables tables = proc_tables_of(puppet.pid());
    const ReportReader report = whoholds.finish();
    puppet.command("unshare_end");

    EXPECT_EQ(report.caller("site_open", "fd").held.count, 3U);
    EXPECT_EQ(report.caller("site_openat", "fd").held.count, 2U);
    EXPECT_EQ(report.caller("site_unshared", "fd").held.count, 0U);
    EXPECT_EQ(held_tables(report), tables);
    expect_balanced(report);
}

TEST_F(E2eTest, T37_what_comes_through_a_ring_is_found) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report = trace(puppet, {"leak site_ring_open 4", "leak site_ring_accept 2"});
    const json ledger = puppet.command_json("ledger");

    uint64_t failed = 0;
    for (const json& site : ledger["sites"]) {
        if (text_of(site, "function") == "site_ring") failed = site["failed"];
    }
    if (failed != 0) GTEST_SKIP() << "io_uring is not allowed here";
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    EXPECT_EQ(report.kind("fd").held.count, 4 + held_before_attach(report, "fd"));
    EXPECT_EQ(report.kind("socket").held.count, 2 + held_before_attach(report, "socket"));
    expect_balanced(report);
}

TEST_F(E2eTest, T37_files_that_a_ring_holds_without_descriptors_are_told) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report = trace(puppet, {"leak site_ring_direct 2"});

    std::vector<json> rings;
    for (const json& stack : report.stacks("fd"))
        for (const json& item : stack["items"])
            if (text_of(item, "type") == "io_uring") rings.push_back(item);
    if (rings.empty()) GTEST_SKIP() << "io_uring is not allowed here";
    ASSERT_EQ(rings.size(), 2U);
    for (const json& ring : rings) EXPECT_EQ(ring["registered_files"], 3) << ring;
    const std::string note = text_of(report.process()["kinds"]["fd"], "note");
    EXPECT_TRUE(note.starts_with("6 more files are held by io_uring alone")) << note;
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
}

TEST_F(E2eTest, T37_close_range_closes_what_is_open) {
    Puppet puppet("descriptors_puppet");

    const ReportReader report = trace(puppet, {"close_ranges"});

    const Totals seen = report.caller("site_close_range", "socket");
    EXPECT_EQ(seen.acquired.count, 10U);
    EXPECT_EQ(seen.held.count, 2U);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
}

}  // namespace
}  // namespace whoholds::e2e
