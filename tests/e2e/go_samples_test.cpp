// Go programs without the runtime's heap profile: what they hold is counted by size, and by stack from samples.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <optional>

#include "e2e/puppet.h"
#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

double growth_of(const json& row) {
    return row.at("growth_per_min").is_null() ? 0 : row.at("growth_per_min").at("bytes").get<double>();
}

// Bytes a minute.
struct Growth {
    double leak = 0;
    double others = 0;  // the most of any stack
    std::string other;
};

Growth growth_in(const ReportReader& report) {
    Growth growth;
    for (const json& stack : report.stacks("go_heap")) {
        if (stack.at("headline").is_null()) continue;  // what was there before, no stack
        if (stack.at("headline") == "main.openSession") {
            growth.leak += growth_of(stack);
        } else if (growth_of(stack) > growth.others) {
            growth.others = growth_of(stack);
            growth.other = stack.at("headline").dump() + stack.at("held").dump() + stack.at("samples").dump();
        }
    }
    return growth;
}

class GoProgramsWithoutProfile : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }

    // Requests and a collection between any two reports, so that growth is known.
    static ReportReader watch(Puppet& puppet, const std::string& requests, std::vector<std::string> arguments = {}) {
        constexpr int kReports = 6;
        arguments.insert(arguments.end(), {"--top", "50", "0.3"});
        Whoholds whoholds = Whoholds::attach(puppet.pid(), arguments);
        whoholds.later_report();
        for (int i = 0; i < kReports; ++i) {
            puppet.command(requests);
            puppet.command("collect");
            puppet.command("collect");  // what survives one collection alone may be the garbage of that moment
            whoholds.later_report();
        }
        return whoholds.finish();
    }
};

TEST_P(GoProgramsWithoutProfile, the_leak_is_the_only_stack_that_grows) {
    Puppet puppet(GetParam(), {.environment = {"GOGC=50"}});
    puppet.command("fill");
    puppet.command("serve 3000");  // the cache turns over, and stays as large
    puppet.command("collect");

    const ReportReader report = watch(puppet, "serve 2000 leak");

    const json kind = report.process().at("kinds").at("go_heap");
    const Growth growth = growth_in(report);
    uint64_t held = 0;
    for (const json& stack : report.stacks("go_heap")) {
        if (stack.at("headline") != "main.openSession") continue;
        held += stack.at("held").at("bytes").get<uint64_t>();
        EXPECT_GT(stack.at("samples"), 0);
        const json types = stack.at("item_groups");
        ASSERT_EQ(types.size(), 1u) << types.dump();
        EXPECT_EQ(types.at(0).at("what"), "main.session") << "read from the code";
        EXPECT_EQ(types.at(0).at("count"), stack.at("held").at("count"));
    }
    // In a few seconds, in which sampling may pause: on a busy machine traps are dear. Samples of the last moments are not judged yet.
    EXPECT_GT(growth.leak, 0.35 * growth_of(kind));
    EXPECT_LT(growth.others, 0.1 * growth.leak) << growth.other;
    const double leaked = 6 * 2 * 2000 * 640.0;
    EXPECT_NEAR(static_cast<double>(held), leaked, 0.4 * leaked);
}

TEST_P(GoProgramsWithoutProfile, a_bounded_cache_does_not_grow) {
    Puppet puppet(GetParam(), {.environment = {"GOGC=50"}});
    puppet.command("fill");
    puppet.command("collect");

    const ReportReader report = watch(puppet, "serve 2000");

    const json kind = report.process().at("kinds").at("go_heap");
    const double held_bytes = kind.at("held").at("bytes");
    EXPECT_GT(held_bytes, 6'000'000);
    const double minutes = report.root().at("attached_s").get<double>() / 60;
    for (const json& stack : report.stacks("go_heap"))
        EXPECT_LT(growth_of(stack) * minutes, held_bytes / 10) << stack.at("headline");
}

TEST_P(GoProgramsWithoutProfile, rows_and_sizes_add_up_to_what_the_runtime_says) {
    Puppet puppet(GetParam());
    puppet.command("fill");
    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--go-samples", "on", "--top", "100", "0.3"});
    whoholds.later_report();
    puppet.command("serve 3000 leak");
    puppet.command("large 30");
    puppet.command("collect");
    whoholds.later_report();
    puppet.command("collect");
    const json stats = puppet.command_json("stats");
    whoholds.later_report();

    const ReportReader report = whoholds.finish();

    const json kind = report.process().at("kinds").at("go_heap");
    EXPECT_NEAR(kind.at("held").at("bytes").get<double>(), stats.at("HeapAlloc").get<double>(), 300'000);
    EXPECT_NEAR(kind.at("acquired").at("bytes").get<double>(), stats.at("TotalAlloc").get<double>(), 600'000);
    EXPECT_NEAR(static_cast<double>(report.all_stacks("go_heap").held.bytes), kind.at("held").at("bytes").get<double>(),
                1000);
    uint64_t by_size = 0;
    const json sizes = report.process().at("go").at("heap_sizes");
    for (const json& size : sizes) by_size += size.at("held").at("bytes").get<uint64_t>();
    EXPECT_EQ(by_size, kind.at("held").at("bytes"));
    const Totals large = report.with_function("main.keepLarge", "go_heap");
    EXPECT_NEAR(static_cast<double>(large.held.bytes), 30 * 106'496.0, 106'496);
    EXPECT_THAT(report.remarks(), HasSubstr("estimated from"));
}

TEST_P(GoProgramsWithoutProfile, T1_are_probed_neither_at_an_entry_nor_at_a_return_and_go_on) {
    Puppet puppet(GetParam());
    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.3"});
    whoholds.later_report();
    puppet.command("serve 5000 leak");
    const ReportReader report = whoholds.finish();
    puppet.command("serve 5000 leak");

    bool is_sampled = false;
    for (const json& probe : report.probes()) {
        if (!probe.at("symbol").get<std::string>().starts_with("runtime.")) continue;
        EXPECT_THAT(probe.at("symbol").get<std::string>(), Not(HasSubstr("mallocgc")));
        is_sampled |= probe.at("hits").get<uint64_t>() > 10;
    }
    EXPECT_TRUE(is_sampled);
}

TEST_P(GoProgramsWithoutProfile, are_not_probed_with_samples_off) {
    Puppet puppet(GetParam());
    puppet.command("fill");
    puppet.command("collect");

    const ReportReader report = watch(puppet, "serve 500 leak", {"--go-samples", "off"});

    for (const json& probe : report.probes())
        EXPECT_THAT(probe.at("symbol").get<std::string>(), Not(::testing::StartsWith("runtime.(*m")));
    const json stacks = report.stacks("go_heap");
    ASSERT_EQ(stacks.size(), 1u);
    EXPECT_TRUE(stacks.at(0).at("headline").is_null());
    EXPECT_THAT(stacks.at(0).at("item_groups").dump(), HasSubstr("objects of 640 bytes"));
    EXPECT_GT(growth_of(stacks.at(0)), 0);
}

INSTANTIATE_TEST_SUITE_P(Each, GoProgramsWithoutProfile, ::testing::Values("go_leak", "go_1_19_leak"),
                         [](const auto& one) { return std::string(one.param); });

// As users start it, with its pauses. Both at once, as it takes its time.
TEST_F(E2eTest, go_a_leak_of_4_MB_a_second_is_the_only_growing_stack_under_120_MB_of_churn_within_20_s) {
    struct Observed {
        explicit Observed(const char* program) : puppet(program) { puppet.command("fill"); }
        Puppet puppet;
        std::optional<Whoholds> whoholds;
        std::future<json> work;
        std::optional<ReportReader> report;
    };
    std::list<Observed> all;
    for (const char* program : {"go_leak", "go_1_19_leak"})
        if (!target_path(program).empty()) all.emplace_back(program);
    if (all.empty()) GTEST_SKIP() << "go is not installed";

    for (Observed& one : all) {
        one.whoholds.emplace(Whoholds::attach(one.puppet.pid(), {"--top", "50", "1"}));
        one.whoholds->later_report();
    }
    for (Observed& one : all)
        one.work = std::async(std::launch::async, [&one] { return one.puppet.command_json("pace 120 20 leak"); });
    while (std::ranges::any_of(all, [](Observed& one) { return one.work.wait_for(0s) != std::future_status::ready; }))
        for (Observed& one : all) one.report = one.whoholds->next_report();

    for (Observed& one : all) {
        const json done = one.work.get();
        one.puppet.command("collect");
        one.puppet.command("collect");  // what came during a collection is judged by the next one
        one.whoholds->later_report();
        const ReportReader last = one.whoholds->finish();
        // What a collection finds alive holds garbage of its time, and a busy machine does not keep the pace: the puppet knows.
        const double leaked = done.at("sessions").get<double>() * 640;
        const Growth growth = growth_in(*one.report);
        EXPECT_GT(growth.leak, 0.4 * leaked / done.at("wall_s").get<double>() * 60);
        EXPECT_LT(growth.leak, 1.3 * 120e6 / 36e3 * 2 * 640 * 60) << "the pace that was asked for";
        EXPECT_LT(growth.others, 0.1 * growth.leak) << growth.other;
        const auto held = static_cast<double>(last.with_function("main.openSession", "go_heap").held.bytes);
        EXPECT_GT(held, 0.5 * leaked) << "every third object of this size dies, in a rhythm that samples may meet";
        EXPECT_LT(held, 1.1 * leaked);
        const json findings = one.report->process().at("findings");
        EXPECT_FALSE(findings.empty());
        for (const json& finding : findings)
            EXPECT_THAT(finding.at("headline").get<std::string>(), AnyOf("main.openSession", "main.serve"));
    }
}

TEST_F(E2eTest, a_go_program_with_a_heap_profile_is_not_sampled) {
    if (target_path("go_runtime").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_runtime");
    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--go-samples", "on", "0.3"});
    puppet.command("leak sessions 2000");
    whoholds.later_report();

    const ReportReader report = whoholds.finish();

    EXPECT_TRUE(report.process().at("kinds").contains("go_heap"));
    EXPECT_FALSE(report.process().at("go").contains("heap_sizes"));
    for (const json& probe : report.probes())
        EXPECT_THAT(probe.at("symbol").get<std::string>(), Not(::testing::StartsWith("runtime.(*m")));
}

}  // namespace
}  // namespace whoholds::e2e
