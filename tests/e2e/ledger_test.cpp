// The puppet `ledger` knows exactly what each of its call sites took and gave back; whoholds must say the same.
#include <cstdlib>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct LedgerCase {
    std::string name;
    std::string puppet;
    std::string preload;  // a library of the system, "" for none
    int seconds;
    std::vector<std::string> arguments;
};

std::ostream& operator<<(std::ostream& out, const LedgerCase& one) { return out << one.name; }

const std::vector<std::string> kTiny = {"--young-slots", "64", "--ring-bytes", "4096", "--backlog-bytes", "4096"};
const std::vector<std::string> kSmall = {"--young-slots", "512", "--ring-bytes", "65536", "--backlog-bytes", "65536"};

int seconds_of(const LedgerCase& one) {
    if (const char* wanted = std::getenv("WH_LEDGER_SECONDS")) return std::atoi(wanted);
    return long_tests() ? 60 : one.seconds;
}

Totals site_totals(const json& site) {
    Totals totals;
    totals.acquired = sum_of(site["acquired"]);
    totals.released = sum_of(site["released"]);
    totals.held = {totals.acquired.count - totals.released.count, totals.acquired.bytes - totals.released.bytes};
    return totals;
}

void expect_exact(const json& ledger, const ReportReader& report) {
    Totals sum;
    for (const json& site : ledger["sites"]) {
        const std::string function = site["function"];
        const Totals expected = site_totals(site);
        EXPECT_EQ(report.caller(function), expected) << function;
        sum.held += expected.held;
        sum.acquired += expected.acquired;
        sum.released += expected.released;
    }
    EXPECT_EQ(report.kind("heap"), sum);
}

// With losses: what was acquired is counted all the same, and what is held differs by no more than what is reported lost.
void expect_explained(const json& ledger, const ReportReader& report) {
    Totals expected;
    for (const json& site : ledger["sites"]) {
        const Totals one = site_totals(site);
        EXPECT_EQ(report.caller(site["function"].get<std::string>()).acquired, one.acquired) << site["function"];
        expected.held += one.held;
        expected.acquired += one.acquired;
    }
    const Totals heap = report.kind("heap");
    EXPECT_EQ(heap.acquired, expected.acquired);
    EXPECT_EQ(heap.held.count, heap.acquired.count - heap.released.count - heap.lost.count);
    EXPECT_EQ(heap.held.bytes, heap.acquired.bytes - heap.released.bytes - heap.lost.bytes);
    const auto too_many = static_cast<int64_t>(heap.held.count - expected.held.count);
    EXPECT_LE(too_many, static_cast<int64_t>(report.loss("releases_lost")));
    EXPECT_GE(too_many, -static_cast<int64_t>(heap.lost.count + report.loss("restores_lost")));
}

class Ledger : public E2eTest, public ::testing::WithParamInterface<LedgerCase> {};

TEST_P(Ledger, equals_what_is_reported) {
    const LedgerCase& one = GetParam();
    if (target_path(one.puppet).empty()) GTEST_SKIP() << one.puppet << " was not built: its compiler is missing";
    PuppetOptions options;
    if (!one.preload.empty()) {
        const std::string library = system_library(one.preload);
        if (library.empty()) GTEST_SKIP() << one.preload << " is not installed";
        options.environment = {"LD_PRELOAD=" + library};
    }
    Puppet puppet(one.puppet, options);
    puppet.command("run 0.2");  // blocks from before the attach, to be released under its eyes

    Whoholds whoholds = Whoholds::attach(puppet.pid(), one.arguments);
    puppet.command("mark");
    const std::string rate = puppet.command("run " + std::to_string(seconds_of(one)));
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    ASSERT_TRUE(ledger.is_object());
    ASSERT_GT(report.kind("heap").acquired.count, 0U);
    RecordProperty("operations", rate);
    std::printf("%s, events lost: %llu\n", rate.c_str(), static_cast<unsigned long long>(report.events_lost()));
    if (one.arguments.empty()) {
        EXPECT_EQ(report.events_lost(), 0U) << report.root()["coverage"]["losses"];
    }
    if (report.events_lost() == 0) {
        expect_exact(ledger, report);
    } else {
        expect_explained(ledger, report);
    }
    puppet.command("drain");  // checks the marks in every block
}

INSTANTIATE_TEST_SUITE_P(Each, Ledger,
                         ::testing::Values(LedgerCase{"plain", "ledger", "", 5, {}},
                                           LedgerCase{"frame_pointers", "ledger_frames", "", 5, {}},
                                           LedgerCase{"musl_static", "ledger_musl", "", 2, {}},
                                           LedgerCase{"jemalloc", "ledger", "libjemalloc.so.2", 2, {}},
                                           LedgerCase{"tcmalloc", "ledger", "libtcmalloc_minimal.so.4", 2, {}},
                                           LedgerCase{"mimalloc", "ledger", "libmimalloc.so.2", 2, {}},
                                           LedgerCase{"T21_T22_tiny_tables", "ledger", "", 3, kTiny},
                                           LedgerCase{"T21_T22_small_tables", "ledger_frames", "", 3, kSmall}),
                         [](const auto& one) { return one.param.name; });

// What is drained after the attach was acquired before or after the mark: all of ours must be released.
TEST_F(E2eTest, ledger_drained_holds_nothing) {
    Puppet puppet("ledger");
    puppet.command("run 0.2");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    puppet.command("run 0.5");
    puppet.command("drain");
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.kind("heap").held, (Sum{0, 0}));
    expect_exact(ledger, report);
    const json heap = report.process()["kinds"]["heap"];
    EXPECT_EQ(heap.value("released_unknown", uint64_t{0}), ledger["unknown_released"].get<uint64_t>());
}

}  // namespace
}  // namespace whoholds::e2e
