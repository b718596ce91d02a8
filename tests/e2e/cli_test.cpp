// The command line as its users meet it: errors in one sentence with a documented exit code, `run`, `plan`, and the ends.
#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "e2e/places.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct Outcome {
    int exit_code = -1;
    std::string output;
    std::string errors;
};

Outcome run_tool(const std::vector<std::string>& arguments, const std::function<void()>& in_child = {}) {
    Launch launch;
    launch.command = {whoholds_path()};
    launch.command.insert(launch.command.end(), arguments.begin(), arguments.end());
    launch.in_child = in_child;
    Process process(launch);
    process.close_input();
    Outcome outcome;
    outcome.exit_code = process.wait();
    process.output().join();
    process.errors().join();
    outcome.output = process.output().all();
    outcome.errors = process.errors().all();
    return outcome;
}

void expect_one_sentence(const Outcome& outcome) {
    EXPECT_EQ(outcome.output, "");
    EXPECT_GT(outcome.errors.size(), 10U);
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
}

TEST(Cli, usage_errors) {
    const std::vector<std::vector<std::string>> wrong = {
        {},           {"-p", "1", "0"}, {"-p", "0"},   {"-p", "x"}, {"-p", "1", "-5"},     {"--nonsense"},
        {"-p", "1,"}, {"run"},          {"run", "--"}, {"plan"},    {"-p", "1", "5", "0"},
    };
    for (const auto& arguments : wrong) {
        const Outcome outcome = run_tool(arguments);

        SCOPED_TRACE(::testing::PrintToString(arguments));
        EXPECT_EQ(outcome.exit_code, 2);
        expect_one_sentence(outcome);
    }
}

TEST(Cli, help_lists_exit_codes_and_examples) {
    const Outcome outcome = run_tool({"--help"});

    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.errors, "");
    EXPECT_NE(outcome.output.find("Exit codes"), std::string::npos);
    EXPECT_NE(outcome.output.find("whoholds -p"), std::string::npos);
}

TEST_F(E2eTest, process_that_does_not_exist) {
    Process gone({.command = {"true"}});
    const pid_t pid = gone.pid();
    gone.wait();

    const Outcome outcome = run_tool({"-p", std::to_string(pid)});

    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_sentence(outcome);
}

TEST_F(E2eTest, kernel_thread) {
    if (access("/proc/2/stat", R_OK) != 0 || access("/proc/2/exe", R_OK) == 0)
        GTEST_SKIP() << "pid 2 is no kernel thread here";
    const Outcome outcome = run_tool({"-p", "2"});

    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_sentence(outcome);
    EXPECT_NE(outcome.errors.find("kernel thread"), std::string::npos) << outcome.errors;
}

TEST_F(E2eTest, process_of_32_bits) {
    Process probe({.command = {target_path("bare32")}});
    if (!probe.output().next()) GTEST_SKIP() << "this kernel runs no 32-bit programs";

    const Outcome outcome = run_tool({"-p", std::to_string(probe.pid())});

    EXPECT_EQ(outcome.exit_code, 3);
    expect_one_sentence(outcome);
    EXPECT_NE(outcome.errors.find("32"), std::string::npos) << outcome.errors;
}

TEST_F(E2eTest, missing_rights) {
    constexpr uid_t kNobody = 65534;
    Puppet puppet("traps");
    if (access(whoholds_path().c_str(), X_OK) != 0) GTEST_SKIP() << "not built";

    const Outcome outcome = run_tool({"-p", std::to_string(puppet.pid())}, [] {
        setgroups(0, nullptr);
        if (setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(126);
    });

    if (outcome.exit_code == 127) GTEST_SKIP() << "nobody may not execute " << whoholds_path();
    EXPECT_EQ(outcome.exit_code, 4) << outcome.errors;
    expect_one_sentence(outcome);
}

TEST_F(E2eTest, run_that_cannot_start) {
    const Outcome outcome = run_tool({"run", "--", "/nonexistent/program"});

    EXPECT_NE(outcome.exit_code, 0);
    expect_one_sentence(outcome);
}

// What is raised for ourselves is not for the program.
TEST_F(E2eTest, run_gives_the_command_what_a_shell_would) {
    const std::string script = "read line; cat /proc/self/oom_score_adj; ulimit -S -n; grep SigBlk /proc/self/status";
    Process plain({.command = {"sh", "-c", script}});
    plain.write_line("go");
    Process run({.command = {whoholds_path(), "run", "--", "sh", "-c", script}});
    run.write_line("go");

    for (int i = 0; i < 3; i++) EXPECT_EQ(run.output().next(), plain.output().next());
    EXPECT_EQ(run.wait(), 0);
}

TEST_F(E2eTest, the_tool_goes_first_when_memory_runs_out) {
    Puppet puppet("traps");
    Whoholds whoholds = Whoholds::attach(puppet.pid());

    const auto score_of = [](pid_t pid) {
        int score = -1;
        std::ifstream("/proc/" + std::to_string(pid) + "/oom_score_adj") >> score;
        return score;
    };
    EXPECT_EQ(score_of(whoholds.process().pid()), 1000);
    EXPECT_EQ(score_of(puppet.pid()), score_of(getpid()));
    whoholds.finish();
}

TEST_F(E2eTest, run_sees_the_first_allocation) {
    Whoholds whoholds({"run", "86400", "--", target_path("early")});
    const ReportReader report = whoholds.wait_final();

    EXPECT_EQ(report.caller("early_constructor_site").held, (Sum{1, 1401}));
    EXPECT_EQ(report.caller("early_main_site").held, (Sum{1, 1403}));
    EXPECT_NE(report.root().dump().find('7'), std::string::npos);
}

TEST_F(E2eTest, run_sees_the_first_allocation_of_a_static_program) {
    Whoholds whoholds({"run", "86400", "--", target_path("traps_static")});
    ASSERT_TRUE(whoholds.wait_attached());
    whoholds.process().write_line("malloc 1411 3");
    whoholds.process().write_line("quit");
    const ReportReader report = [&] {
        // The program's answers stand between the reports.
        ReportReader last;
        while (std::optional<std::string> line = whoholds.process().output().next()) {
            if (line->starts_with("{")) last = ReportReader(json::parse(*line, nullptr, false));
        }
        return last;
    }();

    EXPECT_EQ(whoholds.wait(), 0);
    EXPECT_EQ(report.caller("trap_malloc").held, (Sum{3, 4233}));
}

TEST_F(E2eTest, plan_attaches_nothing_and_names_every_function) {
    Puppet puppet("traps");

    const Outcome outcome = run_tool({"plan", "-p", std::to_string(puppet.pid())});

    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    for (const char* name : {"malloc", "calloc", "realloc", "free", "posix_memalign", "libc.so.6", "mmap"}) {
        EXPECT_NE(outcome.output.find(name), std::string::npos) << name << "\n" << outcome.output;
    }
}

TEST_F(E2eTest, plan_as_json) {
    Puppet puppet("traps");

    const Outcome outcome = run_tool({"plan", "--json", "-p", std::to_string(puppet.pid())});

    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_FALSE(json::parse(outcome.output, nullptr, false).is_discarded()) << outcome.output;
}

TEST_F(E2eTest, count_ends_with_a_final_report) {
    Puppet puppet("traps");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "0.2", "3"});
    std::vector<json> reports;
    for (ReportReader report = whoholds.next_report(); report.root().is_object(); report = whoholds.next_report()) {
        reports.push_back(report.root());
    }

    EXPECT_EQ(whoholds.wait(), 0);
    ASSERT_EQ(reports.size(), 3U);
    for (size_t i = 0; i < reports.size(); i++) {
        EXPECT_EQ(reports[i]["schema"], "whoholds/1");
        EXPECT_EQ(reports[i]["final"], i + 1 == reports.size());
        EXPECT_EQ(reports[i]["seq"], i);
    }
}

TEST_F(E2eTest, quiet_prints_the_final_report_only) {
    Puppet puppet("traps");

    const Outcome outcome = run_tool({"-p", std::to_string(puppet.pid()), "--json", "--quiet", "0.1", "4"});

    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1);
}

TEST_F(E2eTest, periodic_reports_in_text_are_summaries_unless_they_are_to_be_long) {
    Puppet puppet("traps");
    const auto coverages_in = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments = {"-p", std::to_string(puppet.pid()), "0.3", "3"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const Outcome outcome = run_tool(arguments);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
        size_t count = 0;
        for (size_t at = outcome.output.find("COVERAGE"); at != std::string::npos;
             at = outcome.output.find("COVERAGE", at + 1))
            count++;
        return count;
    };

    EXPECT_EQ(coverages_in({}), 1U) << "of the final report";
    EXPECT_EQ(coverages_in({"--long"}), 3U);
}

TEST_F(E2eTest, text_report_for_people) {
    Puppet puppet("traps");

    Launch launch;
    launch.command = {whoholds_path(), "-p", std::to_string(puppet.pid()), "86400"};
    Process tool(launch);
    ASSERT_TRUE(tool.errors().next_with("attached to"));
    puppet.command("malloc 1413 3");
    tool.send_signal(SIGINT);
    const int exit_code = tool.wait();
    tool.output().join();
    const std::string text = tool.output().all();

    EXPECT_EQ(exit_code, 0);
    for (const char* part : {"trap_malloc", "HELD NOW", "COVERAGE", "native heap"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "no colour unless on a terminal";
}

TEST_F(E2eTest, other_attach_methods_count_the_same) {
    for (const char* method : {"multi", "perf", "no-cookies"}) {
        SCOPED_TRACE(method);
        Puppet puppet("traps");

        Whoholds whoholds({"-p", std::to_string(puppet.pid()), "--attach-with", method, "86400"});
        if (!whoholds.wait_attached()) {
            EXPECT_EQ(whoholds.wait(), 5) << whoholds.errors();
            continue;
        }
        puppet.command("malloc 1415 100");
        puppet.command("free 30");
        const ReportReader report = whoholds.finish();

        EXPECT_EQ(report.kind("heap"), (Totals{{70, 70 * 1415}, {100, 100 * 1415}, {30, 30 * 1415}, {}}));
        const bool takes_long = method != std::string("multi");  // each perf uprobe by itself
        EXPECT_EQ(whoholds.errors().find("detaching ...") != std::string::npos, takes_long) << whoholds.errors();
    }
}

}  // namespace
}  // namespace whoholds::e2e
