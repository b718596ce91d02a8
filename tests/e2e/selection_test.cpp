// Processes that are selected by something else than a number, that come later, fork, and go.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

// A copy of a puppet under a name of its own, so that no other test's process is selected.
class NamedPuppets {
public:
    explicit NamedPuppets(const std::string& name) : path_(folder_.path() + "/" + name) {
        std::filesystem::copy_file(target_path("traps"), path_);
    }
    [[nodiscard]] std::unique_ptr<Process> start() const {
        auto process = std::make_unique<Process>(Launch{.command = {path_}, .environment = {}, .in_child = {}});
        EXPECT_TRUE(process->output().next().value_or("").starts_with("DONE"));
        return process;
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    TemporaryFolder folder_;
    std::string path_;
};

void command(Process& puppet, const std::string& text) {
    ASSERT_TRUE(puppet.write_line(text));
    const std::string answer = puppet.output().next().value_or("");
    EXPECT_TRUE(answer.starts_with("DONE")) << text << ": " << answer;
}

bool wait_attached(Whoholds& whoholds, pid_t pid) {
    return whoholds.process().errors().next_with("(pid " + std::to_string(pid) + "):").has_value();
}

json process_of(const ReportReader& report, pid_t pid) {
    for (const json& process : report.root()["processes"])
        if (process["pid"] == pid) return process;
    return {};
}

Sum heap_of(const ReportReader& report, pid_t pid, const char* amount = "held") {
    const json process = process_of(report, pid);
    return process.is_null() || !process["kinds"].contains("heap") ? Sum{} : sum_of(process["kinds"]["heap"][amount]);
}

// A process that has just begun is attached to before it has loaded its libraries; these follow. Takes blocks of this size until they
// are seen. False: others were seen, too, or it ended.
bool is_seen(Whoholds& whoholds, Process& puppet, uint64_t size) {
    for (ReportReader report = whoholds.next_report(); report.root().is_object(); report = whoholds.next_report()) {
        command(puppet, "malloc " + std::to_string(size) + " 1");
        const Sum held = heap_of(report, puppet.pid());
        if (held.count > 0) return held.bytes == held.count * size;
    }
    return false;
}

TEST_F(E2eTest, comm_selects_present_and_future_processes) {
    const NamedPuppets puppets("wh-by-comm");
    auto present = puppets.start();

    Whoholds whoholds({"--comm", "wh-by-comm", "0.1"});
    ASSERT_TRUE(wait_attached(whoholds, present->pid())) << whoholds.errors();
    auto future = puppets.start();
    ASSERT_TRUE(wait_attached(whoholds, future->pid())) << whoholds.errors();
    command(*present, "malloc 1501 2");
    EXPECT_TRUE(is_seen(whoholds, *future, 1503));
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.root()["processes"].size(), 2U);
    EXPECT_EQ(heap_of(report, present->pid()), (Sum{2, 3002}));
    EXPECT_EQ(heap_of(report, future->pid()).bytes % 1503, 0U);
    EXPECT_LE(process_of(report, future->pid())["attached_s"], process_of(report, present->pid())["attached_s"]);
}

TEST_F(E2eTest, all_of_a_program_by_path_and_by_name) {
    const NamedPuppets puppets("wh-by-program");
    for (const std::string& selected : {puppets.path(), std::string("wh-by-program")}) {
        auto present = puppets.start();

        Whoholds whoholds({"--all-of", selected, "86400"});
        ASSERT_TRUE(wait_attached(whoholds, present->pid())) << whoholds.errors();
        command(*present, "malloc 1505 2");
        const ReportReader report = whoholds.finish();

        EXPECT_EQ(heap_of(report, present->pid()), (Sum{2, 3010}));
    }
}

TEST_F(E2eTest, nothing_selected_is_said_in_one_sentence) {
    Whoholds whoholds({"--comm", "wh-nobody", "86400"});

    EXPECT_EQ(whoholds.wait(), 3);
    EXPECT_NE(whoholds.errors().find("no process matches command wh-nobody"), std::string::npos) << whoholds.errors();
}

TEST_F(E2eTest, wait_for_the_first_one) {
    const NamedPuppets puppets("wh-waited-for");

    Whoholds whoholds({"--comm", "wh-waited-for", "--wait", "0.1"});
    ASSERT_TRUE(whoholds.process().errors().next_with("waiting for").has_value());
    auto first = puppets.start();
    ASSERT_TRUE(wait_attached(whoholds, first->pid())) << whoholds.errors();

    EXPECT_TRUE(is_seen(whoholds, *first, 1507));
    whoholds.finish();
}

// A folder of the memory hierarchy, or of the unified one.
std::string make_cgroup(const std::string& name) {
    for (const char* parent : {"/sys/fs/cgroup/memory/", "/sys/fs/cgroup/", "/sys/fs/cgroup/pids/"}) {
        const std::string path = parent + name;
        if (mkdir(path.c_str(), 0755) != 0) continue;
        if (access((path + "/cgroup.procs").c_str(), W_OK) == 0) return path;
        rmdir(path.c_str());
    }
    return "";
}

TEST_F(E2eTest, cgroup_selects_what_is_in_it) {
    const std::string cgroup = make_cgroup("whoholds-e2e-" + std::to_string(getpid()));
    if (cgroup.empty()) GTEST_SKIP() << "no control group can be made here";
    const NamedPuppets puppets("wh-by-cgroup");
    {
        auto inside = puppets.start();
        auto outside = puppets.start();
        std::ofstream(cgroup + "/cgroup.procs") << inside->pid() << std::endl;

        Whoholds whoholds({"--cgroup", cgroup, "86400"});
        ASSERT_TRUE(wait_attached(whoholds, inside->pid())) << whoholds.errors();
        command(*inside, "malloc 1509 2");
        const ReportReader report = whoholds.finish();

        EXPECT_EQ(report.root()["processes"].size(), 1U);
        EXPECT_EQ(heap_of(report, inside->pid()), (Sum{2, 3018}));
    }
    rmdir(cgroup.c_str());
}

// The shell forks, the fork executes the puppet, and that forks a child of its own.
TEST_F(E2eTest, T26_T27_follow_goes_through_fork_and_exec_and_keeps_processes_apart) {
    const std::string script = "exec 3<&0; read go; " + target_path("traps") + " <&3 & wait";
    Process shell({.command = {"sh", "-c", script}, .environment = {}, .in_child = {}});

    Whoholds whoholds({"-p", std::to_string(shell.pid()), "--follow", "0.1"});
    ASSERT_TRUE(wait_attached(whoholds, shell.pid())) << whoholds.errors();
    shell.write_line("go");
    ASSERT_TRUE(shell.output().next().value_or("").starts_with("DONE"));
    Sum held;
    for (ReportReader report = whoholds.next_report(); report.root().is_object(); report = whoholds.next_report()) {
        command(shell, "malloc 1521 1");
        held = report.caller("trap_malloc").held;
        if (held.count > 0) break;
        for (const json& process : report.root()["processes"])
            if (process["pid"] != shell.pid()) held += heap_of(report, process["pid"]);
        if (held.count > 0) break;
    }
    command(shell, "fork");
    shell.write_line("quit");
    shell.wait();
    const ReportReader report = whoholds.wait_final();

    EXPECT_GT(held.count, 0U);
    EXPECT_EQ(held.bytes, held.count * 1521) << "nothing of the shell, nothing of what it was before exec";
    EXPECT_NE(report.remarks().find("followed children"), std::string::npos) << report.remarks();
    for (const json& process : report.root()["processes"]) {
        const bool was_there = process["pid"] == shell.pid();
        EXPECT_EQ(process["missed_start_ms"].is_null(), was_there) << process["command"];
        if (was_there) continue;
        EXPECT_GT(process["missed_start_ms"], 0.0) << process["command"];
    }
}

TEST_F(E2eTest, T27_slots_are_given_again) {
    const NamedPuppets puppets("wh-short-lived");
    const int count = long_tests() ? 3000 : 60;

    Whoholds whoholds({"--comm", "wh-short-lived", "--wait", "--kind", "heap", "0.2"});
    ASSERT_TRUE(whoholds.process().errors().next_with("waiting for").has_value());
    for (int i = 0; i < count; i++) {
        auto puppet = puppets.start();
        command(*puppet, "malloc 1511 1");
        puppet->write_line("exit 0");
        puppet->wait();
    }
    auto last = puppets.start();
    EXPECT_TRUE(is_seen(whoholds, *last, 1513));
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.remarks().find("too many were traced at once"), std::string::npos) << report.remarks();
}

TEST_F(E2eTest, T28_numbers_in_both_namespaces) {
    Puppet puppet("traps", {.launcher = {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}});
    ASSERT_GT(puppet.pid(), 0);

    const ReportReader report = trace(puppet, {"malloc 1515 1"});

    EXPECT_EQ(report.process()["pid"], puppet.pid());
    EXPECT_EQ(report.process()["namespace_pid"], 1);
}

uint64_t effective_capabilities(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("CapEff:")) return std::stoull(line.substr(7), nullptr, 16);
    return 0;
}

// All that it may still have; what perf probes take besides.
constexpr uint64_t kNeededLater = uint64_t{1} << 2 | uint64_t{1} << 19 | uint64_t{7} << 38;
constexpr uint64_t kSysAdmin = uint64_t{1} << 21;

bool probes_module(const ReportReader& report, const std::string& part) {
    return std::ranges::any_of(
        report.probes(), [&](const json& probe) { return text_of(probe, "module").find(part) != std::string::npos; });
}

TEST_F(E2eTest, capabilities_that_are_not_needed_are_given_away_and_the_others_suffice_for_what_comes_later) {
    for (const char* method : {"multi", "perf"}) {
        SCOPED_TRACE(method);
        Puppet puppet("traps");

        Whoholds whoholds({"-p", std::to_string(puppet.pid()), "--attach-with", method, "0.1"});
        if (!whoholds.wait_attached()) {
            EXPECT_EQ(whoholds.wait(), 5) << whoholds.errors();
            continue;
        }
        whoholds.next_report();
        const uint64_t left = effective_capabilities(whoholds.process().pid());
        puppet.command("dlopen " + target_path("librows_extra.so"));
        ReportReader report = whoholds.next_report();
        while (report.root().is_object() && !probes_module(report, "rows_extra")) report = whoholds.next_report();
        puppet.command("library_malloc je_malloc 1517 2");
        report = whoholds.finish();

        EXPECT_EQ(left & ~(kNeededLater | (method == std::string("perf") ? kSysAdmin : 0)), 0U) << std::hex << left;
        EXPECT_EQ(report.caller("trap_library_malloc").held, (Sum{2, 3034}));
    }
}

}  // namespace
}  // namespace whoholds::e2e
