// Go code in a library that a C program loads (-buildmode=c-shared), before the attach and after it: followed as a Go program is, and
// unharmed.
#include <gmock/gmock.h>

#include "e2e/puppet.h"
#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class GoLibrary : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }
    static void load(Puppet& host) { host.command("load " + target_path(GetParam())); }
    // Until the code of the library is probed.
    static void wait_until_followed(Whoholds& whoholds) {
        constexpr int kReportsAtMost = 100;
        for (int i = 0; i < kReportsAtMost; ++i) {
            const ReportReader report = whoholds.next_report();
            const bool is_read = report.process().contains("go");
            if (is_read && report.probes().dump().find("runtime.newproc1") != std::string::npos) return;
        }
        FAIL() << "the library was not followed";
    }
    // Of what the library was told to do since it is followed.
    static void expect_exact(const ReportReader& report) {
        const Totals churn = report.with_function("main.go_library_churn", "goroutine");
        EXPECT_EQ(churn.acquired.count, 4000U);
        EXPECT_EQ(churn.released.count, 4000U);
        const Totals live = report.with_function("main.go_library_live", "goroutine");
        EXPECT_EQ(live.acquired.count, 7U);
        EXPECT_EQ(live.held.count, 7U);
        EXPECT_EQ(report.kind("socket").held.count, 2U);
        EXPECT_EQ(report.loss("goroutines_lost"), 0U);
    }
};

TEST_P(GoLibrary, T1_T38_goroutines_of_a_loaded_library_equal_its_own_ledger) {
    Puppet host("go_library_host");
    load(host);
    host.command("live 3");
    const json before = host.command_json("ledger");

    Whoholds whoholds = Whoholds::attach(host.pid());
    for (const char* command : {"live 5", "churn 2000", "listen 2", "live 2", "churn 2000"}) host.command(command);
    const json after = host.command_json("ledger");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(text_of(report.process(), "runtime"), "go");
    const Totals goroutines = report.kind("goroutine");
    const auto difference = [&](const char* of) {
        return after.at(of).get<uint64_t>() - before.at(of).get<uint64_t>();
    };
    EXPECT_EQ(goroutines.acquired.count, difference("created"));
    EXPECT_EQ(goroutines.released.count, difference("ended"));
    expect_exact(report);
    EXPECT_EQ(report.with_function("main.listen", "socket").held.count, 2U);
    host.command("churn 100");
}

// How descriptors are seen was decided by then: those of the library are found when a report is made, which is said.
TEST_P(GoLibrary, T1_T17_T38_a_library_that_is_loaded_after_the_attach_is_followed_then) {
    Puppet host("go_library_host");

    Whoholds whoholds = Whoholds::attach(host.pid(), {"0.1"});
    load(host);
    wait_until_followed(whoholds);
    for (const char* command : {"live 5", "churn 2000", "listen 2", "live 2", "churn 2000"}) host.command(command);
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(text_of(report.process(), "runtime"), "go");
    expect_exact(report);
    EXPECT_THAT(report.root().at("coverage").at("skipped").dump(), HasSubstr("are found when a report is made"));
    host.command("churn 100");
}

TEST_P(GoLibrary, T1_survives_attaching_again_and_again) {
    Puppet host("go_library_host");
    load(host);
    for (int i = 0; i < 3; ++i) {
        const ReportReader report = trace(host, {"churn 1000", "live 1"}, {"--kind", "goroutine"});
        EXPECT_EQ(report.kind("goroutine").acquired.count, 1001U);
    }
}

INSTANTIATE_TEST_SUITE_P(Each, GoLibrary, ::testing::Values("go_library", "go_1_19_library"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace whoholds::e2e
