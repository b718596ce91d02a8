// After attaching, whoholds gives away the rights that it does not need; those that it keeps suffice for processes that come later.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "container/ledger.h"
#include "container/tool.h"

namespace whoholds::container {
namespace {

using nlohmann::json;

// Numbers of include/uapi/linux/capability.h.
constexpr uint64_t bit(unsigned capability) { return uint64_t{1} << capability; }
constexpr uint64_t kDacReadSearch = bit(2);
constexpr uint64_t kSysPtrace = bit(19);
constexpr uint64_t kSysAdmin = bit(21);
constexpr uint64_t kBpfAndPerfmon = bit(38) | bit(39);
constexpr uint64_t kCheckpointRestore = bit(40);

struct Case {
    std::string name;
    Arguments flags;
    uint64_t kept = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

uint64_t capabilities_of(pid_t pid, const std::string& set) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(set + ":")) return std::stoull(line.substr(set.size() + 1), nullptr, 16);
    return ~uint64_t{0};
}

bool probes(const e2e::ReportReader& report, pid_t pid, const std::string& symbol) {
    return std::ranges::any_of(report.probes(),
                               [&](const json& probe) { return probe["pid"] == pid && probe["symbol"] == symbol; });
}

// The process that is not number 1 in the report, once its malloc is probed.
pid_t wait_for_another(Tool& tool) {
    for (e2e::ReportReader report = tool.next_report(); report.root().is_object(); report = tool.next_report())
        for (const json& process : report.root()["processes"])
            if (process["pid"] != 1 && probes(report, process["pid"], "malloc")) return process["pid"];
    return 0;
}

class AfterAttach : public ContainerTest, public ::testing::WithParamInterface<Case> {};

TEST_P(AfterAttach, rights_are_given_away_and_the_rest_suffices_for_a_process_that_comes_later) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    Ledger first(podman_, "tgt", "target");
    Tool tool(podman_, joined({"--name=tool", "--pid=container:tgt"}, GetParam().flags),
              report_container(first.id(), "0.1"));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    const e2e::ReportReader begun = tool.next_report();
    if (begun.probes()[0]["how"] == "perf uprobe")
        GTEST_SKIP() << "perf probes need SYS_ADMIN for as long as they are used";
    const pid_t host_pid = podman_.pid_of("tool");
    EXPECT_EQ(capabilities_of(host_pid, "CapEff"), GetParam().kept);
    EXPECT_EQ(capabilities_of(host_pid, "CapPrm"), GetParam().kept);
    EXPECT_EQ(capabilities_of(host_pid, "CapInh"), 0U);
    EXPECT_EQ(capabilities_of(host_pid, "CapAmb"), 0U);

    Ledger second(podman_, first);
    const pid_t another = wait_for_another(tool);
    ASSERT_NE(another, 0) << tool.wait_errors();
    const json counted = second.work();
    const e2e::ReportReader report = tool.finish();
    const e2e::ReportReader of_another = report_of(report, another);
    EXPECT_GT(of_another.process()["missed_start_ms"], 0.0);
    EXPECT_EQ(of_another.process()["missed_start_after"], "exec");
    expect_exact(counted, of_another);
}

INSTANTIATE_TEST_SUITE_P(Of, AfterAttach,
                         ::testing::Values(Case{"privileged",
                                                {"--privileged"},
                                                kDacReadSearch | kSysPtrace | kBpfAndPerfmon | kCheckpointRestore},
                                           Case{"sys_admin_and_sys_ptrace",
                                                {"--cap-drop=all", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"},
                                                kSysAdmin | kSysPtrace},
                                           Case{"bpf_perfmon_and_sys_ptrace",
                                                {"--cap-drop=all", "--cap-add=BPF", "--cap-add=PERFMON",
                                                 "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined"},
                                                kBpfAndPerfmon | kSysPtrace}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace whoholds::container
