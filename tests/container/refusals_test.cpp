// Where a right is missing, one sentence says which, with the flag that adds it, and the exit code is the one for rights.
#include <gmock/gmock.h>

#include <fstream>

#include "container/ledger.h"
#include "container/tool.h"

namespace whoholds::container {
namespace {

using ::testing::HasSubstr;

constexpr int kExitNoRights = 4;
// Where it should have refused and did not, it ends after a second.
const Arguments kOneReport = {"-p", "1", "1", "1"};

struct Case {
    std::string name;
    Arguments flags;
    Arguments told;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

Arguments only(const Arguments& capabilities) {
    Arguments flags = {"--cap-drop=all", "--security-opt=seccomp=unconfined"};
    for (const std::string& capability : capabilities) flags.push_back("--cap-add=" + capability);
    return flags;
}

// "whoholds: " and one line, the last; what podman itself warns of stands before it.
void expect_told(Tool& tool, const Arguments& told) {
    const std::string errors = tool.wait_errors();
    EXPECT_EQ(tool.wait(), kExitNoRights);
    const size_t start = errors.rfind("whoholds: ");
    ASSERT_NE(start, std::string::npos) << errors;
    const std::string sentence = errors.substr(start);
    EXPECT_EQ(sentence.find('\n'), sentence.size() - 1) << errors;
    for (const std::string& part : told) EXPECT_THAT(sentence, HasSubstr(part));
}

class Refusal : public ContainerTest, public ::testing::WithParamInterface<Case> {};

TEST_P(Refusal, says_what_to_add) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    const Ledger ledger(podman_, "tgt", "target");
    Tool tool(podman_, joined({"--pid=container:tgt"}, GetParam().flags), kOneReport);
    expect_told(tool, GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Refusal,
    ::testing::Values(
        Case{"an_ordinary_container", {}, {"--cap-add=SYS_ADMIN --cap-add=SYS_PTRACE "}},
        Case{"sys_ptrace_alone", only({"SYS_PTRACE"}), {"CAP_SYS_ADMIN is missing", "--cap-add=SYS_ADMIN "}},
        Case{"sys_admin_alone", only({"SYS_ADMIN"}), {"CAP_SYS_PTRACE is missing", "--cap-add=SYS_PTRACE "}},
        Case{"no_perfmon", only({"BPF", "SYS_PTRACE"}), {"CAP_PERFMON is missing", "--cap-add=PERFMON "}},
        Case{"no_bpf", only({"PERFMON", "SYS_PTRACE"}), {"CAP_BPF is missing", "--cap-add=BPF "}},
        Case{"no_sys_ptrace", only({"BPF", "PERFMON"}), {"CAP_SYS_PTRACE is missing", "--cap-add=SYS_PTRACE "}},
        Case{"user_1000", {"--user=1000", "--privileged"}, {"as user 1000", "--user=0", "runAsUser: 0"}}),
    [](const auto& one) { return one.param.name; });

class RefusalBy : public ContainerTest {};

TEST_F(RefusalBy, seccomp) {
    if (IsSkipped()) return;
    podman_.make_image("target", {target_path("ledger")});
    const Ledger ledger(podman_, "tgt", "target");
    const std::string profile = podman_.folder() + "/no_bpf.json";
    std::ofstream(profile) << R"({"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO"}]})";
    Tool tool(
        podman_,
        {"--pid=container:tgt", "--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=" + profile},
        kOneReport);
    expect_told(tool, {"seccomp", "--security-opt=seccomp=unconfined"});
}

TEST_F(RefusalBy, user_namespace) {
    if (IsSkipped()) return;
    Tool tool(podman_, {"--privileged", "--uidmap=0:100000:65536"}, kOneReport);
    expect_told(tool, {"user namespace", "hostUsers: false"});
}

}  // namespace
}  // namespace whoholds::container
