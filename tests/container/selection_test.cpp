// What --container selects: from the host, and from where kubectl whoholds --all asks for it: another container that has joined the
// PID namespace, with or without a view of the control groups.
#include <gmock/gmock.h>

#include "container/ledger.h"
#include "container/tool.h"

namespace whoholds::container {
namespace {

using ::testing::HasSubstr;

// A file of the machine instead of podman's own, whose place would tell the container's id.
const Arguments kNoHostNameOfPodman = {"--volume=/etc/os-release:/etc/hostname:ro"};
constexpr const char* kGuess = "no control group shows here which container";

struct Case {
    std::string name;
    Arguments tool_flags;
    Arguments target_flags = {};
    bool is_guess = false;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

// As in a pod: --target joins the PID namespace, each container has control groups of its own.
class Selects : public ContainerTest, public ::testing::WithParamInterface<Case> {
protected:
    // Both processes of the container, and nobody else's; the numbers of each are its own.
    void expect_both(Ledger& first, Ledger& second, Tool& tool) {
        ASSERT_TRUE(tool.wait_attached(2)) << tool.wait_errors();
        const nlohmann::json first_counted = first.work();
        const nlohmann::json second_counted = second.work();
        const e2e::ReportReader report = tool.finish();
        ASSERT_EQ(report.root()["processes"].size(), 2U);
        expect_exact(first_counted, report_of(report, 1));
        const pid_t other = report.process(0)["pid"] == 1 ? report.process(1)["pid"] : report.process(0)["pid"];
        expect_exact(second_counted, report_of(report, other));
        remarks_ = report.remarks();
    }

    std::string remarks_;
};

TEST_P(Selects, T28_all_processes_of_the_container_by_its_id) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    Ledger first(podman_, "tgt", "target", GetParam().target_flags);
    Ledger second(podman_, first);
    const Ledger stranger(podman_, "other", "target");

    Tool tool(podman_, joined({"--pid=container:tgt", "--privileged"}, GetParam().tool_flags),
              report_container(first.id()));
    expect_both(first, second, tool);
    EXPECT_EQ(remarks_.find(kGuess) != std::string::npos, GetParam().is_guess) << remarks_;
}

INSTANTIATE_TEST_SUITE_P(With, Selects,
                         ::testing::Values(Case{"the_control_groups_of_the_host", {"--cgroupns=host"}},
                                           Case{"control_groups_of_its_own", {"--cgroupns=private"}},
                                           Case{"the_same_control_groups_as_the_target",
                                                {"--cgroupns=container:tgt"},
                                                joined({"--cgroupns=private"}, kNoHostNameOfPodman),
                                                true}),
                         [](const auto& one) { return one.param.name; });

class Selection : public ContainerTest {};

TEST_F(Selection, T28_a_container_by_the_beginning_of_its_id_from_the_host) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    Ledger meant(podman_, "meant", "target");
    const Ledger stranger(podman_, "other", "target");

    Tool tool(report_container(meant.id().substr(0, 12)));
    ASSERT_TRUE(tool.wait_attached()) << tool.wait_errors();
    const nlohmann::json counted = meant.work();
    const e2e::ReportReader report = tool.finish();
    ASSERT_EQ(report.root()["processes"].size(), 1U);
    expect_exact(counted, report);
    EXPECT_EQ(report.process()["pid"], meant.host_pid());
    EXPECT_EQ(report.process()["container"]["id"], meant.id());
}

TEST_F(Selection, a_container_that_is_not_there_is_no_guess_on_the_host) {
    if (IsSkipped()) return;
    Tool tool(report_container(std::string(64, 'e')));
    EXPECT_THAT(tool.wait_errors(), HasSubstr("no process matches container eeee"));
    EXPECT_EQ(tool.wait(), 3);
}

}  // namespace
}  // namespace whoholds::container
