// Where whoholds has the rights it needs, what it reports of a puppet in a container equals the puppet's own ledger: whatever
// its rights are, wherever it runs, and whatever the container is made of.
#include <gtest/gtest.h>

#include "container/ledger.h"
#include "container/tool.h"

namespace whoholds::container {
namespace {

const Arguments kPrivileged = {"--privileged"};
const Arguments kTraced = {"--cap-drop=all", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"};
const Arguments kBpfOnly = {"--cap-drop=all", "--cap-add=BPF", "--cap-add=PERFMON", "--cap-add=SYS_PTRACE",
                            "--security-opt=seccomp=unconfined"};

struct Case {
    std::string name;
    Arguments tool_flags;
    std::string puppet = "ledger";
    Arguments target_flags = {};
    bool needs_uprobe_multi = false;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

class Works : public ContainerTest, public ::testing::WithParamInterface<Case> {};

// As kubectl debug --target does it: another container, in the PID namespace of the target's.
TEST_P(Works, T28_T30_totals_are_exact) {
    if (IsSkipped()) return;
    const Case& one = GetParam();
    if (target_path(one.puppet).empty()) GTEST_SKIP() << one.puppet << " was not built: its compiler is missing";
    podman_.make_image("target", {target_path(one.puppet)});
    Ledger ledger(podman_, "tgt", "target", one.target_flags);
    ledger.command("run 0.1");  // blocks from before the attach

    Tool tool(podman_, joined({"--pid=container:tgt"}, one.tool_flags), report_everything("1"));
    if (!tool.wait_attached()) {
        const std::string errors = tool.wait_errors();
        if (one.needs_uprobe_multi && errors.find("no uprobe_multi links") != std::string::npos)
            GTEST_SKIP() << "this kernel has no uprobe_multi links";
        FAIL() << errors;
    }
    const nlohmann::json counted = ledger.work();
    const e2e::ReportReader report = tool.finish();
    expect_exact(counted, report);
    EXPECT_EQ(report.process()["pid"], 1);
    EXPECT_EQ(report.process()["host_pid"], ledger.host_pid());
    ledger.command("drain");
}

INSTANTIATE_TEST_SUITE_P(
    With, Works,
    ::testing::Values(Case{"privileged", kPrivileged}, Case{"sys_admin_and_sys_ptrace", kTraced},
                      Case{"bpf_perfmon_and_sys_ptrace", kBpfOnly, "ledger", {}, true},
                      Case{"a_root_file_system_that_is_read_only", joined(kTraced, {"--read-only", "--tmpfs=/tmp:ro"})},
                      Case{"a_static_target_from_scratch", kTraced, "ledger_musl"},
                      Case{"a_target_as_user_1000", kTraced, "ledger", {"--user=1000:1000", "--cap-drop=all"}},
                      Case{"a_privileged_target", kTraced, "ledger", {"--privileged"}}),
    [](const auto& one) { return one.param.name; });

class Container : public ContainerTest {};

TEST_F(Container, T28_target_in_a_deeper_pid_namespace) {
    if (IsSkipped()) return;
    podman_.make_image("target", {e2e::find_program("unshare"), target_path("ledger")});
    Ledger ledger(podman_, "tgt", "target", kPrivileged, {"--pid", "--fork", "/ledger"});
    const std::vector<pid_t> pids = namespace_pids(only_child_of(ledger.host_pid()));
    ASSERT_GE(pids.size(), 3U);
    EXPECT_EQ(pids.back(), 1);
    const pid_t seen = pids[pids.size() - 2];

    Tool tool(podman_, joined({"--pid=container:tgt"}, kTraced), report_everything(std::to_string(seen)));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    const nlohmann::json counted = ledger.work();
    const e2e::ReportReader report = tool.finish();
    expect_exact(counted, report);
    EXPECT_EQ(report.process()["pid"], seen);
}

TEST_F(Container, T28_tool_above_the_target) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    Ledger ledger(podman_, "tgt", "target");

    Tool tool(report_everything(std::to_string(ledger.host_pid())));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    const nlohmann::json counted = ledger.work();
    const e2e::ReportReader report = tool.finish();
    expect_exact(counted, report);
    EXPECT_EQ(report.process()["pid"], ledger.host_pid());
}

// The address of malloc is another one in each, and so is where it is found.
TEST_F(Container, T30_two_targets_with_different_libcs_are_kept_apart) {
    if (IsSkipped()) return;
    if (target_path("ledger_musl").empty()) GTEST_SKIP() << "ledger_musl was not built: musl-gcc is missing";
    podman_.make_image("glibc", {target_path("ledger")});
    podman_.make_image("musl", {target_path("ledger_musl")});
    Ledger first(podman_, "first", "glibc");
    Ledger second(podman_, "second", "musl");
    const std::string pids = std::to_string(first.host_pid()) + "," + std::to_string(second.host_pid());

    Tool tool(podman_, joined({"--pid=host"}, kTraced), report_everything(pids));
    ASSERT_TRUE(tool.wait_attached(2)) << tool.wait_errors();
    const nlohmann::json first_counted = first.work();
    const nlohmann::json second_counted = second.work();
    const e2e::ReportReader report = tool.finish();
    expect_exact(first_counted, report_of(report, first.host_pid()));
    expect_exact(second_counted, report_of(report, second.host_pid()));
}

// The same file in two containers: what one does must not count for the other.
TEST_F(Container, T28_two_targets_of_one_image_are_kept_apart) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    Ledger traced(podman_, "traced", "target");
    Ledger other(podman_, "other", "target");

    Tool tool(podman_, joined({"--pid=container:traced"}, kTraced), report_everything("1"));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    other.command("run 0.1");
    const nlohmann::json counted = traced.work();
    other.command("run 0.1");
    expect_exact(counted, tool.finish());
}

}  // namespace
}  // namespace whoholds::container
