// Threads by the site that started them, and the handles of those that nobody joined.
#include <algorithm>

#include "e2e/proc_tables.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct Site {
    std::string function;
    unsigned count;
};

const std::vector<Site> kSites = {
    {"site_waiting", 3},
    {"site_finished", 4},
    {"site_joined", 5},
    {"site_detached", 6},
    {"site_detached_attribute", 7},
    {"site_detached_waiting", 2},
    {"site_detaches_itself", 3},
    {"site_named", 1},
    {"site_busy", 1},
    {"site_raw", 4},
};
const std::vector<Site> kSitesCpp = {
    {"site_std_waiting", 5}, {"site_std_finished", 2}, {"site_std_joined", 3}, {"site_std_detached", 4}};

bool has_cpp(const std::string& puppet) { return puppet == "threads_puppet"; }

// The handles of musl's threads are not followed.
bool has_handles(const std::string& puppet) { return puppet != "threads_musl"; }

void start_all(Puppet& puppet, bool cpp) {
    for (const Site& site : kSites) puppet.command("start " + site.function + " " + std::to_string(site.count));
    if (!cpp) return;
    for (const Site& site : kSitesCpp) puppet.command("start " + site.function + " " + std::to_string(site.count));
}

void expect_exact(const json& ledger, const ReportReader& report, const std::string& puppet) {
    ASSERT_TRUE(ledger.is_object());
    uint64_t before = 1;  // the first thread
    Sum started_since;
    for (const json& site : ledger["sites"]) {
        const std::string function = site["function"];
        before += site["started_before"].get<uint64_t>() - site["ended_before"].get<uint64_t>();
        started_since.count += site["started"].get<uint64_t>();
        const uint64_t started = site["started"];
        const uint64_t ended = site["ended"];
        const Totals threads = report.with_function(function, "thread");
        EXPECT_EQ(threads.acquired.count, started) << function;
        EXPECT_EQ(threads.released.count, ended) << function;
        EXPECT_EQ(threads.held.count, started - ended) << function;
        if (!has_handles(puppet)) continue;
        const uint64_t handles = site["has_handle"].get<bool>() ? started : 0;
        EXPECT_EQ(report.with_function(function, "joinable").held.count, handles) << function;
    }
    EXPECT_EQ(held_before_attach(report, "thread"), before);
    EXPECT_EQ(report.kind("thread").acquired.count, started_since.count);
}

class Threads : public E2eTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Threads, every_way_to_start_and_end) {
    if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: its compiler is missing";
    Puppet puppet(GetParam());
    start_all(puppet, has_cpp(GetParam()));

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    start_all(puppet, has_cpp(GetParam()));
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    expect_exact(ledger, report, GetParam());
    expect_balanced(report);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    puppet.command("end");
}

TEST_P(Threads, those_that_end_are_gone) {
    if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: its compiler is missing";
    Puppet puppet(GetParam());
    puppet.command("start site_waiting 3");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    start_all(puppet, has_cpp(GetParam()));
    puppet.command("end");
    puppet.command("start site_detached_waiting 2");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.with_function("site_waiting", "thread").held.count, 0U);
    EXPECT_EQ(report.with_function("site_detached_waiting", "thread").held.count, 2U);
    EXPECT_EQ(report.kind("thread").held.count, 3U);
    EXPECT_EQ(held_before_attach(report, "thread"), 1U);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    expect_balanced(report);
}

TEST_P(Threads, storm_of_short_lived_ones) {
    if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: its compiler is missing";
    Puppet puppet(GetParam());

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.2"});
    puppet.command("mark");
    puppet.command("storm 10000");
    puppet.command("start site_waiting 2");
    whoholds.next_report();
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    expect_exact(ledger, report, GetParam());
    expect_balanced(report);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    EXPECT_EQ(report.kind("thread").acquired.count, 10002U);
    EXPECT_EQ(report.events_lost(), 0U) << report.root()["coverage"]["losses"];
}

INSTANTIATE_TEST_SUITE_P(Each, Threads, ::testing::Values("threads_puppet", "threads_musl"),
                         [](const auto& one) { return std::string(one.param); });

TEST_F(E2eTest, thread_s_name_state_and_use) {
    Puppet puppet("threads_puppet");

    const ReportReader report =
        trace(puppet, {"start site_named 1", "start site_busy 1", "start site_waiting 2", "start site_raw 1"});

    const json named = items_from(report, "site_named", "thread");
    ASSERT_EQ(named.size(), 1U) << report.stacks("thread");
    EXPECT_EQ(named[0]["name"], "puppet-named");
    EXPECT_EQ(named[0]["state"], "sleeping");
    EXPECT_NE(text_of(named[0], "start_routine").find("name_itself"), std::string::npos) << named[0];
    EXPECT_NE(text_of(named[0], "wait_channel").find("futex"), std::string::npos) << named[0];
    EXPECT_TRUE(named[0]["age_s"].is_number()) << named[0];
    const json busy = items_from(report, "site_busy", "thread");
    ASSERT_EQ(busy.size(), 1U);
    EXPECT_GE(busy[0].value("cpu_s", 0.0), 0.03) << busy[0];
    const json waiting = items_from(report, "site_waiting", "thread");
    ASSERT_EQ(waiting.size(), 2U);
    EXPECT_NE(text_of(waiting[0], "start_routine").find("wait_for_end"), std::string::npos) << waiting[0];
    EXPECT_NE(waiting[0]["tid"], waiting[1]["tid"]);
    for (const json& item : waiting) {
        const std::string task = "/proc/" + std::to_string(puppet.pid()) + "/task/" + item["tid"].dump();
        EXPECT_EQ(access(task.c_str(), F_OK), 0) << task;
    }
}

// The classic leak: the thread is long gone, its stack is not.
TEST_F(E2eTest, finished_and_never_joined) {
    Puppet puppet("threads_puppet");

    const ReportReader report = trace(puppet, {"start site_finished 6", "start site_waiting 2"});

    EXPECT_EQ(report.with_function("site_finished", "joinable").held.count, 6U);
    const json items = items_from(report, "site_finished", "joinable");
    ASSERT_EQ(items.size(), 6U) << report.stacks("joinable");
    const auto keeps_stack = [](const json& item) { return item.value("size_bytes", uint64_t{0}) >= 1 << 20; };
    // glibc gives the stack of a thread that has ended to the next one once it is joined, and not before.
    EXPECT_TRUE(std::all_of(items.begin(), items.end(), keeps_stack)) << items;
    EXPECT_EQ(report.with_function("site_finished", "thread").held.count, 0U);
    EXPECT_EQ(report.with_function("site_waiting", "thread").held.count, 2U);
}

TEST_F(E2eTest, go_program_s_threads_are_all_there) {
    if (target_path("go_puppet").empty()) GTEST_SKIP() << "go is not installed";
    Puppet puppet("go_puppet");
    puppet.command("work 50");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"0.2"});
    puppet.command("work 500");
    puppet.command("work 500");
    // The runtime starts and ends threads when it likes, but not while it has nothing to do.
    ProcTables before = proc_tables_of(puppet.pid());
    ReportReader report = whoholds.next_report();
    for (ProcTables now; report.root().is_object(); before = now) {
        report = whoholds.next_report();
        now = proc_tables_of(puppet.pid());
        if (now == before && held_tables(report) == now) break;
    }

    EXPECT_EQ(held_tables(report), before);
    expect_balanced(report);
    whoholds.finish();
    puppet.command("work 50");
}

}  // namespace
}  // namespace whoholds::e2e
