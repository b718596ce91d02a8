// --suppressions: live, of a recording, and of a difference.
#include <gmock/gmock.h>

#include <fstream>

#include "e2e/places.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr uint64_t kHere = 100'003;
constexpr uint64_t kThere = 50'021;

json run_json(const std::vector<std::string>& arguments) {
    Process tool({.command = arguments});
    json report = json::parse(tool.output().next().value_or("{}"), nullptr, false);
    EXPECT_EQ(tool.wait(), 0) << tool.errors().all();
    return report;
}

TEST_F(E2eTest, what_is_suppressed_is_not_listed_and_stays_in_the_totals) {
    Puppet puppet("growing");
    const TemporaryFolder folder;
    const std::string file = folder.path() + "/known.supp";
    std::ofstream(file) << "# known\nleak:^grow_here$\nleak:never_called\n";
    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--suppressions", file});

    puppet.command("here " + std::to_string(kHere));
    puppet.command("there " + std::to_string(kThere));
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.with_function("grow_here").held, Sum{});
    EXPECT_EQ(report.with_function("grow_there").held, (Sum{1, kThere}));
    EXPECT_EQ(report.kind("heap").held, (Sum{2, kHere + kThere}));
    const json& suppressed = report.root().at("suppressed");
    EXPECT_EQ(suppressed.at("stacks"), 1);
    EXPECT_EQ(sum_of(suppressed.at("kinds").at("heap").at("held")), (Sum{1, kHere}));
    EXPECT_EQ(suppressed.at("suppressions").at(0).at("line"), 2);
    EXPECT_EQ(suppressed.at("suppressions").at(1).at("ever_matched"), false);
}

TEST_F(E2eTest, a_recording_keeps_what_is_suppressed_and_report_and_diff_leave_it_out) {
    Puppet puppet("growing");
    const TemporaryFolder folder;
    const std::string known = folder.path() + "/known.supp";
    const std::string recording = folder.path() + "/growing.rec";
    std::ofstream(known) << "heap:grow_here\n";
    Process recorder({.command = {whoholds_path(), "record", "-o", recording, "--suppressions", known, "--json", "-p",
                                  std::to_string(puppet.pid()), "0.2"}});
    ASSERT_TRUE(recorder.errors().next_with("attached to"));

    puppet.command("here " + std::to_string(kHere));
    puppet.command("there " + std::to_string(kThere));
    recorder.send_signal(SIGINT);
    const ReportReader live(json::parse(recorder.output().next().value_or("{}")));
    ASSERT_EQ(recorder.wait(), 0);
    const ReportReader whole(run_json({whoholds_path(), "report", recording, "--json"}));
    const ReportReader without(run_json({whoholds_path(), "report", recording, "--json", "--suppressions", known}));
    const json difference = run_json({whoholds_path(), "diff", recording, "--json", "--suppressions", known});

    EXPECT_EQ(live.with_function("grow_here").held, Sum{});
    EXPECT_EQ(whole.with_function("grow_here").held, (Sum{1, kHere}));
    EXPECT_FALSE(whole.root().contains("suppressed"));
    EXPECT_EQ(without.with_function("grow_here").held, Sum{});
    EXPECT_EQ(without.with_function("grow_there").held, (Sum{1, kThere}));
    EXPECT_EQ(without.kind("heap").held, (Sum{2, kHere + kThere}));
    EXPECT_EQ(without.root().at("suppressed"), live.root().at("suppressed"));
    EXPECT_THAT(difference.at("stacks").dump(), Not(HasSubstr("grow_here")));
    EXPECT_EQ(difference.at("suppressed").at("stacks"), 1);
}

TEST_F(E2eTest, a_bad_suppression_is_refused_before_anything_is_attached) {
    const TemporaryFolder folder;
    const std::string file = folder.path() + "/known.supp";
    std::ofstream(file) << "leak:fine\nmalloc_cache\n";

    Process tool({.command = {whoholds_path(), "-p", std::to_string(getpid()), "--suppressions", file}});

    EXPECT_EQ(tool.wait(), 2);
    tool.errors().join();
    EXPECT_THAT(tool.errors().all(), HasSubstr("known.supp:2: \"malloc_cache\" is no suppression: write KIND:PATTERN"));
}

}  // namespace
}  // namespace whoholds::e2e
