// The whole way of a verdict: a program that leaks, the session's looks at it, the findings of its report; and the same from a
// recording. How good the rules are is told by scripts/verdict-matrix.
#include <gmock/gmock.h>

#include <sstream>

#include "e2e/places.h"
#include "e2e/process.h"
#include "e2e/puppet.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::vector<std::string> headlines_of(const json& report) {
    std::vector<std::string> headlines;
    for (const json& finding : report.at("processes").at(0).at("findings")) headlines.push_back(finding.at("headline"));
    return headlines;
}

TEST_F(E2eTest, what_leaks_is_found_and_a_recording_says_the_same) {
    Process demo({.command = {targets_dir() + "/leaky_demo"}});
    ASSERT_TRUE(demo.output().next_with("DONE"));
    const TemporaryFolder folder;
    const std::string file = folder.path() + "/verdict.rec";

    Process tool(
        {.command = {whoholds_path(), "record", "-o", file, "-p", std::to_string(demo.pid()), "--json", "2", "12"}});
    const json live = json::parse(tool.output().next().value_or("{}"));
    ASSERT_EQ(tool.wait(), 0);
    Process replay({.command = {whoholds_path(), "report", file, "--json"}});
    const json replayed = json::parse(replay.output().next().value_or("{}"));
    ASSERT_EQ(replay.wait(), 0);

    EXPECT_THAT(headlines_of(live), IsSupersetOf({"demo::Upstream::call", "demo::SessionRegistry::open_session",
                                                  "demo::start_report_job"}));
    EXPECT_THAT(headlines_of(live), Not(Contains(HasSubstr("demo::Server::generate_requests"))));
    EXPECT_EQ(replayed.at("processes").at(0).at("findings"), live.at("processes").at(0).at("findings"));
}

// By the types in its debug information.
TEST_F(E2eTest, a_go_function_that_only_hands_on_what_it_was_given_is_not_to_blame) {
    if (target_path("go_connections").empty()) GTEST_SKIP() << "go is not installed";
    Puppet server("go_connections");
    std::istringstream ports(server.command("serve 1"));
    std::string quiet;
    ports >> quiet;
    Puppet puppet("go_connections");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"1"});
    whoholds.later_report();
    puppet.command("requests " + quiet + " 24");
    const ReportReader report = whoholds.finish();

    const auto headlines = headlines_of(report.root());
    EXPECT_FALSE(headlines.empty());
    EXPECT_THAT(headlines, Each("main.handleRequest")) << report.process().at("findings");
    EXPECT_THAT(report.process().at("findings").dump(), HasSubstr("main.dialUpstream"));
}

}  // namespace
}  // namespace whoholds::e2e
