// Go programs: what the runtime knows is in the report, by stack and by creator, without a probe in Go code.
#include <gmock/gmock.h>
#include <sched.h>
#include <unistd.h>

#include "e2e/puppet.h"
#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class GoPrograms : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }
};

TEST_P(GoPrograms, heap_and_goroutines_come_from_the_runtime) {
    Puppet puppet(GetParam(), {.environment = {"PUPPET_PROFILE_RATE=1", "GOMAXPROCS=1"}});
    puppet.command("leak churn 20000");  // until its first sample a processor uses the rate that it started with
    puppet.command("leak sessions 4000");
    puppet.command("start receivers 30");
    puppet.command("collect");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("leak sessions 4000");
    puppet.command("start nested 40");
    puppet.command("collect");
    const json facts = puppet.command_json("facts");
    const ReportReader report = whoholds.finish();

    const json& process = report.process();
    EXPECT_EQ(process.at("runtime"), "go");
    EXPECT_THAT(process.at("runtime_version").get<std::string>(), HasSubstr("1."));
    EXPECT_EQ(process.at("go").at("goroutines"), facts.at("goroutines"));
    EXPECT_EQ(process.at("go").at("collections"), facts.at("stats").at("NumGC"));
    const json& goroutines = process.at("kinds").at("goroutine");
    EXPECT_EQ(goroutines.at("held").at("count"), 71);
    EXPECT_EQ(goroutines.at("before_attach").at("count"), 31);
    EXPECT_EQ(goroutines.at("acquired").at("count"), 40);
    const json creator = report.stacks("goroutine").at(0);
    EXPECT_EQ(creator.at("headline"), "main.startNested");
    EXPECT_EQ(creator.at("held").at("count"), 40);
    EXPECT_THAT(creator.at("item_groups").at(0).at("what").get<std::string>(), HasSubstr("in main.receiveForever"));
    EXPECT_EQ(creator.at("item_groups").at(0).at("states").at("chan receive"), 40);
    EXPECT_EQ(creator.at("items").size(), 20U);
    EXPECT_EQ(creator.at("items_omitted"), 20);
    const json& item = creator.at("items").at(0);
    EXPECT_GT(item.at("goid"), 1);
    EXPECT_EQ(item.at("state"), "waiting");
    EXPECT_EQ(item.at("wait_reason"), "chan receive");
    EXPECT_THAT(item.at("function").get<std::string>(), HasSubstr("main.receiveForever"));
    EXPECT_TRUE(item.at("channel").is_string());
    json before;
    for (const json& stack : report.stacks("goroutine"))
        if (stack.at("headline") == "main.startReceivers") before = stack;
    ASSERT_TRUE(before.is_object());
    EXPECT_EQ(before.at("oldest_is_at_least"), true);
    EXPECT_GE(before.at("oldest_s").get<double>(), before.at("items").at(0).at("blocked_s").get<double>());
    const json heap = report.stacks("go_heap").at(0);
    EXPECT_EQ(heap.at("headline"), "main.newSession");
    EXPECT_EQ(heap.at("frames").at(1).at("function"), "main.leakSessions");
    EXPECT_EQ(heap.at("held").at("count"), 16'000);  // a session and its buffer each
    EXPECT_EQ(heap.at("held").at("bytes"), 8000 * (32 + 3072));
}

INSTANTIATE_TEST_SUITE_P(Each, GoPrograms,
                         ::testing::Values("go_runtime", "go_runtime_stripped", "go_runtime_pie", "go_runtime_cgo",
                                           "go_1_19_runtime", "go_1_19_runtime_stripped", "go_1_19_runtime_pie",
                                           "go_1_19_runtime_cgo"),
                         [](const auto& one) { return std::string(one.param); });

// The runtime uses the records of those that ended again.
TEST_P(GoPrograms, T38_a_goroutine_in_a_reused_record_is_another_one) {
    Puppet puppet(GetParam());
    puppet.command("busy start 50");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--kind", "goroutine"});
    puppet.command("busy stop");
    puppet.command("start receivers 50");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.with_function("main.startReceivers", "goroutine").held.count, 50U);
    EXPECT_EQ(report.with_function("main.startReceivers", "goroutine").acquired.count, 50U);
    // They have created many others meanwhile, whose ancestry they are.
    EXPECT_EQ(report.caller("main.startBusy", "goroutine").held.count, 0U);
    EXPECT_EQ(report.caller("main.startBusy", "goroutine").released.count, 50U);
}

TEST_F(E2eTest, goroutines_that_are_only_read_take_no_probe) {
    if (target_path("go_cgo_puppet").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_cgo_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--kind", "goroutine", "--no-go-tracing"});
    const ReportReader report = whoholds.finish();

    EXPECT_TRUE(report.probes().empty()) << report.probes();
    EXPECT_EQ(report.process().at("kinds").size(), 1U);
    EXPECT_GT(report.process().at("kinds").at("goroutine").at("held").at("count"), 0);
    EXPECT_TRUE(report.root().at("coverage").at("warnings").empty()) << report.root().at("coverage");
}

TEST_F(E2eTest, what_gos_runtime_maps_for_itself_through_c_is_not_the_programs) {
    if (target_path("go_runtime_cgo").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_runtime_cgo");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--kind", "mapping"});
    puppet.command("leak large 4000");  // 400 MB: new arenas
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.with_function("runtime.mmap.func1", "mapping").held.count, 0U);
    EXPECT_THAT(report.remarks(), HasSubstr("the runtime of Go or Python made for itself"));
}

// The limits of a pod cannot be seen from a container with control groups of its own.
TEST_F(E2eTest, a_go_heap_is_copied_only_as_far_as_the_limits_that_are_seen_allow) {
    if (target_path("go_types").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_types");
    puppet.command("make list 3000000");
    puppet.command("collect");
    const std::vector<std::string> arguments = {"-p", std::to_string(puppet.pid()), "--kind", "go_heap"};
    const Launch in_a_container = {.in_child = [] {
        if (unshare(CLONE_NEWCGROUP) != 0) _exit(126);
    }};
    const auto remarks_with = [&](const std::vector<std::string>& more, const Launch& launch) {
        std::vector<std::string> all = arguments;
        all.insert(all.end(), more.begin(), more.end());
        Whoholds whoholds(all, launch);
        EXPECT_TRUE(whoholds.wait_attached());
        whoholds.later_report();
        return whoholds.finish().remarks();
    };

    EXPECT_THAT(remarks_with({"0.5"}, in_a_container), HasSubstr("and 64 MiB can be spared"));
    EXPECT_THAT(remarks_with({"--types", "on", "0.5"}, in_a_container), Not(HasSubstr("can be spared")));
    EXPECT_THAT(remarks_with({"0.5"}, {}), Not(HasSubstr("can be spared")));
}

TEST_F(E2eTest, kinds_of_go_are_refused_where_there_is_no_go) {
    Puppet puppet("ledger");

    Whoholds whoholds({"-p", std::to_string(puppet.pid()), "--kind", "go_heap,goroutine"});

    EXPECT_EQ(whoholds.wait(), 6);
    EXPECT_THAT(whoholds.errors(), HasSubstr("there is no Go code in it"));
}

TEST_F(E2eTest, a_go_program_without_the_heap_profile_says_so) {
    if (target_path("go_puppet").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("work 10");
    const ReportReader report = whoholds.finish();

    EXPECT_TRUE(report.process().contains("go"));
    EXPECT_GT(report.process().at("kinds").at("go_heap").at("held").at("bytes"), 0);
    EXPECT_TRUE(report.process().at("kinds").contains("goroutine"));
    EXPECT_THAT(report.root().at("coverage").at("notes").dump(), HasSubstr("linked without the runtime's profile"));
}

}  // namespace
}  // namespace whoholds::e2e
