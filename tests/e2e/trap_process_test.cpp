// Traps of processes: fork, exec, namespaces, filters, other programs with the same library, and kinds of executables.
#include <sys/resource.h>

#include "e2e/places.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// T1: a return probe on Go code moves with its stack and kills it.
TEST_F(E2eTest, T1_go_program_survives) {
    if (target_path("go_puppet").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_puppet");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "86400"});
    const bool attached = whoholds.wait_attached();
    puppet.command("work 500");
    if (attached) {
        whoholds.finish();
    } else {
        EXPECT_EQ(whoholds.wait(), 6) << whoholds.errors();
    }
    puppet.command("work 500");

    EXPECT_TRUE(puppet.process().is_running());
}

// The C library's functions run on the system stack, which never moves: these may be probed at their return.
TEST_F(E2eTest, T1_go_program_with_c_code) {
    if (target_path("go_cgo_puppet").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_cgo_puppet");
    puppet.command("malloc 1383 100");

    const ReportReader report = trace(puppet, {"malloc 1385 500"});
    puppet.command("malloc 1383 100");

    EXPECT_TRUE(puppet.process().is_running());
    EXPECT_EQ(report.caller("cgo_take").held, (Sum{500, 500ULL * 1385}));
}

// T5: kernels that do not pass uretprobe(2) through a filter kill the target; then we must do without.
TEST_F(E2eTest, T5_target_under_seccomp_survives) {
    Puppet puppet("traps");
    puppet.command("seccomp");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "86400"});
    const bool attached = whoholds.wait_attached();
    puppet.command("malloc 1351 10");

    ASSERT_TRUE(puppet.process().is_running());
    if (!attached) {
        EXPECT_EQ(whoholds.wait(), 6) << whoholds.errors();
        return;
    }
    const ReportReader report = whoholds.finish();
    const bool refused = report.root()["coverage"]["skipped"].dump().find("seccomp") != std::string::npos;
    if (!refused) {
        EXPECT_EQ(report.caller("trap_malloc").held, (Sum{10, 13510}));
    }
    puppet.command("malloc 1351 10");
}

struct Executable {
    std::string puppet;
    bool has_symbols;
};
std::ostream& operator<<(std::ostream& out, const Executable& one) { return out << one.puppet; }

class T16Executables : public E2eTest, public ::testing::WithParamInterface<Executable> {};

TEST_P(T16Executables, allocator_is_found) {
    const Executable& one = GetParam();
    if (target_path(one.puppet).empty()) GTEST_SKIP() << one.puppet << " was not built: musl-tools are missing";
    Puppet puppet(one.puppet);

    const ReportReader report = trace(puppet, {"malloc 1353 4", "free 1", "map 0 4"});

    EXPECT_EQ(report.kind("heap"), (Totals{{3, 4059}, {4, 5412}, {1, 1353}, {}}));
    EXPECT_EQ(report.kind("mapping").held.bytes, 4 * 4096U);
    if (one.has_symbols) {
        EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4059}));
    }
}

INSTANTIATE_TEST_SUITE_P(Each, T16Executables,
                         ::testing::Values(Executable{"traps", true}, Executable{"traps_plain", true},
                                           Executable{"traps_stripped", false}, Executable{"traps_static", true},
                                           Executable{"traps_static_pie", true}, Executable{"traps_musl_static", true}),
                         [](const auto& one) { return one.param.puppet; });

TEST_F(E2eTest, T16_T40_static_and_stripped_is_said_loudly) {
    Puppet puppet("traps_static_stripped");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "--kind", "heap,mapping", "86400"});
    const int exit_code = whoholds.wait();

    EXPECT_EQ(exit_code, 6);
    EXPECT_NE(whoholds.errors().find("nothing could be attached"), std::string::npos) << whoholds.errors();
    EXPECT_TRUE(puppet.process().is_running());
}

TEST_F(E2eTest, T26_child_s_heap_is_not_ours) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"fork", "malloc 1355 2"});

    EXPECT_EQ(report.caller("trap_parent_malloc"), (Totals{{1, 1201}, {1, 1201}, {0, 0}, {}}));
    EXPECT_EQ(report.caller("trap_child_malloc").acquired, (Sum{0, 0}));
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{2, 2710}));
}

// Either its calls are seen, or the report says that they are not.
TEST_F(E2eTest, T26_child_in_the_same_memory) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"clone_vm"});

    const bool seen = report.caller("trap_parent_malloc").held == Sum{0, 0} &&
                      report.caller("trap_child_malloc").held == Sum{1, 1205};
    const bool said = report.remarks().find("shared the memory") != std::string::npos;
    EXPECT_TRUE(seen || said) << report.remarks();
}

TEST_F(E2eTest, T27_exec_ends_what_was_held_and_goes_on) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.1"});
    puppet.command("malloc 1357 3");
    EXPECT_EQ(puppet.command("exec"), "executed");
    Sum probe_sum;
    for (ReportReader report = whoholds.next_report(); report.root().is_object(); report = whoholds.next_report()) {
        puppet.command("malloc 1359 1");
        probe_sum = report.caller("trap_malloc").held;
        if (probe_sum.count > 0 && probe_sum.bytes % 1359 == 0) break;
    }
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.caller("trap_parent_malloc").held, (Sum{0, 0}));
    const Sum held = report.caller("trap_malloc").held;
    EXPECT_GT(held.count, 0U);
    EXPECT_EQ(held.bytes, held.count * 1359) << "only what the new program took";
}

TEST_F(E2eTest, T27_exit_of_the_target_ends_with_a_final_report) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("malloc 1361 3");
    puppet.process().write_line("exit 3");
    const ReportReader report = whoholds.wait_final();

    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4083}));
    EXPECT_EQ(puppet.process().wait(), 3);
}

TEST_F(E2eTest, T27_target_that_is_killed) {
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("malloc 1363 3");
    puppet.process().send_signal(SIGKILL);
    puppet.process().wait();
    const ReportReader report = whoholds.wait_final();

    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4089}));
}

const std::vector<std::string> kNewPidNamespace = {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"};

TEST_F(E2eTest, T28_target_in_a_pid_namespace_seen_from_outside) {
    Puppet puppet("traps", {.launcher = kNewPidNamespace});
    ASSERT_GT(puppet.pid(), 0);

    const ReportReader report = trace(puppet, {"malloc 1365 3"});

    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4095}));
    EXPECT_EQ(report.process()["pid"], puppet.pid());
}

// As from a debug container: the tool sees the numbers of the target's namespace.
TEST_F(E2eTest, T28_tool_inside_the_target_s_pid_namespace) {
    Puppet puppet("traps", {.launcher = kNewPidNamespace});
    Launch inside;
    inside.command = {"nsenter", "--target", std::to_string(puppet.pid()), "--pid", "--mount"};

    Whoholds whoholds({"-p", "1", "0.1"}, inside);
    EXPECT_TRUE(whoholds.wait_attached());
    puppet.command("malloc 1367 3");
    ReportReader report = whoholds.next_report();
    while (report.root().is_object() && report.kind("heap").acquired.count == 0) report = whoholds.next_report();
    puppet.process().write_line("quit");  // the namespace ends with its first process, and the tool with it
    puppet.process().wait();

    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4101}));
    EXPECT_EQ(report.process()["pid"], 1);
}

TEST_F(E2eTest, T34_other_process_with_the_same_library_is_not_seen) {
    Puppet puppet("traps");
    Puppet other("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    other.command("churn 100000 1369");
    puppet.command("malloc 1371 1");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.kind("heap"), (Totals{{1, 1371}, {1, 1371}, {0, 0}, {}}));
    uint64_t hits = 0;
    for (const json& probe : report.probes()) hits += probe.value("hits", uint64_t{0});
    EXPECT_EQ(hits, 1U);
    EXPECT_EQ(report.loss("other_process"), 0U) << "the probe fired there";
}

TEST_F(E2eTest, T34_two_tools_on_one_target) {
    Puppet puppet("traps");

    Whoholds first = Whoholds::attach(puppet.pid());
    Whoholds second = Whoholds::attach(puppet.pid());
    puppet.command("malloc 1373 1000");
    puppet.command("free 400");
    const ReportReader report_of_second = second.finish();
    puppet.command("free 100");
    const ReportReader report_of_first = first.finish();

    EXPECT_EQ(report_of_second.caller("trap_malloc").held, (Sum{600, 600 * 1373}));
    EXPECT_EQ(report_of_first.caller("trap_malloc").held, (Sum{500, 500 * 1373}));
}

// A breakpoint elsewhere stops, one at a probed instruction does not; the counting goes on either way.
TEST_F(E2eTest, T34_debugger_with_breakpoints) {
    if (find_program("gdb").empty()) GTEST_SKIP() << "gdb is not installed";
    Puppet puppet("traps");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.1"});
    Process gdb({.command = {"gdb", "-nx",
                             "-q",  "-batch",
                             "-p",  std::to_string(puppet.pid()),
                             "-ex", "break *malloc",
                             "-ex", "break trap_malloc",
                             "-ex", "echo READY\\n",
                             "-ex", "continue",
                             "-ex", "echo STOPPED\\n",
                             "-ex", "info symbol $pc",
                             "-ex", "detach"},
                 .environment = {"DEBUGINFOD_URLS="},
                 .in_child = {}});
    ASSERT_TRUE(gdb.output().next_with("READY").has_value());
    ReportReader seen = whoholds.next_report();
    while (seen.root().is_object() && seen.remarks().find("is debugged by gdb") == std::string::npos)
        seen = whoholds.next_report();
    puppet.command("malloc 1383 3");  // from where gdb stopped it on, when gdb has gone
    ASSERT_TRUE(gdb.output().next_with("STOPPED").has_value());
    const std::string place = gdb.output().next().value_or("");
    gdb.wait();
    puppet.command("malloc 1385 1");
    const ReportReader report = whoholds.finish();

    EXPECT_TRUE(place.starts_with("trap_malloc")) << place;
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{4, 3 * 1383 + 1385}));
    EXPECT_NE(report.remarks().find("is debugged by gdb"), std::string::npos) << report.remarks();
}

TEST_F(E2eTest, T40_process_without_allocator_is_said_loudly) {
    Puppet puppet("bare");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "--kind", "heap,mapping", "86400"});
    const int exit_code = whoholds.wait();

    EXPECT_EQ(exit_code, 6);
    EXPECT_NE(whoholds.errors().find("nothing could be attached"), std::string::npos) << whoholds.errors();
}

TEST_F(E2eTest, T40_process_without_allocator_is_followed_for_the_rest_and_that_is_said) {
    Puppet puppet("bare");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const ReportReader report = whoholds.finish();

    EXPECT_NE(report.remarks().find("MEMORY IS NOT SEEN"), std::string::npos) << report.remarks();
    EXPECT_GT(report.kind("thread").held.count, 0U);
}

TEST_F(E2eTest, T40_growth_that_no_probe_sees_is_said_loudly) {
    Puppet puppet("traps");

    const ReportReader report = trace(puppet, {"grow_raw 64"});

    EXPECT_NE(report.remarks().find("RSS grew"), std::string::npos) << report.remarks();
}

TEST_F(E2eTest, T43_no_right_to_lock_memory) {
    Puppet puppet("traps");
    Launch limited;
    limited.in_child = [] {
        const rlimit none{0, 0};
        setrlimit(RLIMIT_MEMLOCK, &none);
    };

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "86400"}, limited);
    ASSERT_TRUE(whoholds.wait_attached()) << whoholds.errors();
    puppet.command("malloc 1375 3");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4125}));
    EXPECT_EQ(whoholds.errors().find("MEMLOCK"), std::string::npos) << whoholds.errors();
}

TEST_F(E2eTest, hostile_name_is_harmless) {
    Puppet puppet("traps");
    puppet.command("hostile_name");

    const ReportReader report = trace(puppet, {"malloc 1377 1"});

    EXPECT_EQ(report.kind("heap").held, (Sum{1, 1377}));
    EXPECT_NE(text_of(report.process(), "command"), "");
}

TEST_F(E2eTest, hostile_name_does_not_reach_the_terminal) {
    Puppet puppet("traps");
    puppet.command("hostile_name");

    Process tool({.command = {whoholds_path(), "-p", std::to_string(puppet.pid()), "0.1", "1"}});
    tool.wait();
    tool.output().join();
    tool.errors().join();

    for (const std::string& text : {tool.output().all(), tool.errors().all()}) {
        EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
        EXPECT_EQ(text.find('\xff'), std::string::npos) << text;
    }
}

TEST_F(E2eTest, several_processes_at_once) {
    Puppet first("traps");
    Puppet second("traps");

    Whoholds whoholds({"-p", std::to_string(first.pid()) + "," + std::to_string(second.pid()), "86400"});
    ASSERT_TRUE(whoholds.process().errors().next_with("attached to").has_value());
    ASSERT_TRUE(whoholds.process().errors().next_with("attached to").has_value());
    first.command("malloc 1379 2");
    second.command("malloc 1381 3");
    const ReportReader report = whoholds.finish();

    ASSERT_EQ(report.root()["processes"].size(), 2U);
    EXPECT_EQ(sum_of(report.process(0)["kinds"]["heap"]["held"]), (Sum{2, 2758}));
    EXPECT_EQ(sum_of(report.process(1)["kinds"]["heap"]["held"]), (Sum{3, 4143}));
}

}  // namespace
}  // namespace whoholds::e2e
