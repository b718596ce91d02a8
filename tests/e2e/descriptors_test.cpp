// Descriptors by the site that opened them: the puppets know what each of their sites opened and closed, before and after the
// attach, and /proc knows what is open. whoholds must say the same.
#include <csignal>

#include "e2e/proc_tables.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

struct Difference {
    uint64_t opened = 0;
    uint64_t closed = 0;
    friend bool operator==(const Difference&, const Difference&) = default;
};
std::ostream& operator<<(std::ostream& out, const Difference& one) {
    return out << one.opened << " opened, " << one.closed << " closed";
}

struct LedgerSums {
    Difference all;            // since the mark
    uint64_t closed_late = 0;  // opened before the mark and closed at any time
    uint64_t opened_before = 0;
    uint64_t indirect = 0;  // of those held that were opened since the mark
};

Difference since_mark(const json& site, const std::string& kind) {
    return {site[kind]["opened"], site[kind]["closed"]};
}

void add_site(const json& site, const std::string& kind, LedgerSums& sums) {
    const Difference since = since_mark(site, kind);
    sums.opened_before += site[kind]["opened_before"].get<uint64_t>();
    sums.closed_late += site[kind]["closed_before"].get<uint64_t>();
    if (site["indirect"].get<bool>()) {
        sums.indirect += since.opened - since.closed;
    } else {
        sums.all.opened += since.opened;
        sums.all.closed += since.closed;
    }
}

// Sites whose opening whoholds need not see are exact in the totals only.
void expect_site(const json& site, const std::string& kind, const ReportReader& report, bool is_static) {
    const std::string function = site["function"];
    const Difference expected = since_mark(site, kind);
    EXPECT_EQ(site["failed"], 0) << function << ": " << strerror(site["failure"]);
    if (site["indirect"].get<bool>()) return;
    // A static program's C library is a part of it, and some of its functions may stand in front of the site.
    const Totals seen = is_static ? innermost_site(report, function, kind) : report.caller(function, kind);
    if (!site["inside"].get<bool>()) {
        EXPECT_EQ((Difference{seen.acquired.count, seen.released.count}), expected) << function << ", " << kind;
    }
    EXPECT_EQ(seen.held.count, expected.opened - expected.closed) << function << ", " << kind;
}

void expect_exact(const json& ledger, const ReportReader& report, const std::string& puppet) {
    ASSERT_TRUE(ledger.is_object());
    const bool is_static = puppet != "descriptors_puppet";
    for (const std::string kind : {"fd", "socket"}) {
        LedgerSums sums;
        for (const json& site : ledger["sites"]) {
            add_site(site, kind, sums);
            expect_site(site, kind, report, is_static);
        }
        EXPECT_EQ(held_before_attach(report, kind.c_str()), sums.opened_before - sums.closed_late) << kind;
        EXPECT_EQ(report.kind(kind).held.count,
                  sums.opened_before - sums.closed_late + sums.all.opened - sums.all.closed + sums.indirect)
            << kind;
    }
}

class Descriptors : public E2eTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Descriptors, T37_every_way_in_and_out) {
    if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: its compiler is missing";
    Puppet puppet(GetParam());
    puppet.command("all");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    puppet.command("all");
    puppet.command("close_before 20");
    puppet.command("close_ranges");
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    expect_exact(ledger, report, GetParam());
    expect_balanced(report);
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    EXPECT_EQ(report.events_lost(), 0U) << report.root()["coverage"]["losses"];
    puppet.command("all");
}

// Opens and closes in several threads while reports are made; at rest, /proc says what must be in the next report.
TEST_P(Descriptors, churn_while_reports_are_made) {
    if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: its compiler is missing";
    Puppet puppet(GetParam());
    puppet.command("churn 4");
    puppet.command("pause");

    const std::string interval = long_tests() ? "1" : "0.25";
    const int rounds = long_tests() ? 20 : 4;
    Whoholds whoholds = Whoholds::attach(puppet.pid(), {interval});
    puppet.command("mark");
    for (int round = 0; round < rounds; round++) {
        puppet.command("resume");
        for (int moving = 0; moving < 3; moving++) expect_balanced(whoholds.next_report());
        puppet.command("pause");
        const ReportReader at_rest = whoholds.later_report();
        EXPECT_EQ(held_tables(at_rest), proc_tables_of(puppet.pid())) << "round " << round;
        expect_balanced(at_rest);
    }
    puppet.command("churn_end");
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    expect_exact(ledger, report, GetParam());
    EXPECT_EQ(held_tables(report), proc_tables_of(puppet.pid()));
    EXPECT_GT(report.kind("fd").acquired.count, static_cast<uint64_t>(rounds) * 100);
}

INSTANTIATE_TEST_SUITE_P(Each, Descriptors,
                         ::testing::Values("descriptors_puppet", "descriptors_static", "descriptors_musl"),
                         [](const auto& one) { return std::string(one.param); });

// The server is a process of its own, so that its ends of the connections are not the client's.
TEST_F(E2eTest, go_program_by_function) {
    if (target_path("descriptors_go").empty()) GTEST_SKIP() << "go is not installed";
    Process server({.command = {target_path("descriptors_go"), "serve"}});
    const std::string address = server.output().next().value_or("DONE ").substr(5);
    Puppet puppet("descriptors_go", {.arguments = {address}});
    const std::vector<std::string> sites = {"main.openFile",  "main.openPipe", "main.dialUDP",
                                            "main.listenTCP", "main.dialTCP",  "main.acceptTCP"};
    const std::string request = "net/http.(*Transport).dialConn";
    for (const std::string& site : sites) puppet.command("leak " + site + " 2");
    puppet.command("leak " + request + " 2");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    for (int i = 0; i < 3; i++) {
        for (const std::string& site : sites) puppet.command("cycle " + site + " 5");
        // Of those that wait to be accepted more come than are accepted.
        for (size_t j = 0; j < sites.size(); j++) {
            puppet.command("leak " + sites[j] + " " + std::to_string(sites.size() - j));
        }
    }
    puppet.command("leak " + request + " 5");
    const json ledger = puppet.command_json("ledger");
    const ProcTables tables = proc_tables_of(puppet.pid());
    const ReportReader report = whoholds.finish();

    ASSERT_TRUE(ledger.is_object());
    for (const json& site : ledger["sites"]) {
        const Totals seen = report.with_function(site["function"].get<std::string>(), site["kind"]);
        EXPECT_EQ((Difference{seen.acquired.count, seen.released.count}), (Difference{site["opened"], site["closed"]}))
            << site["function"];
    }
    EXPECT_EQ(held_tables(report).descriptors, tables.descriptors);
    EXPECT_EQ(held_tables(report).sockets, tables.sockets);
    expect_balanced(report);
    EXPECT_EQ(puppet.command("cycle main.dialUDP 1"), "");
}

struct Language {
    std::string name;
    std::vector<std::string> programs;  // the first that is there
    std::string script;
    std::vector<std::string> sites;
};
std::ostream& operator<<(std::ostream& out, const Language& one) { return out << one.name; }

class Scripts : public E2eTest, public ::testing::WithParamInterface<Language> {};

std::string interpreter_of(const Language& one) {
    for (const std::string& program : one.programs) {
        const std::string path = find_program(program);
        if (path.empty() || one.name != "python") return path;
        // Not a wrapper of a version manager, which would be another process for a while.
        Process asked({.command = {path, "-c", "import sys; print(sys.executable)"}});
        return asked.output().next().value_or("");
    }
    return "";
}

std::string ask_script(Process& script, const std::string& text) {
    script.write_line(text);
    const std::string answer = script.output().next_with("DONE").value_or("");
    EXPECT_NE(answer, "") << text << ": " << script.errors().all();
    return answer.size() > 5 ? answer.substr(5) : "";
}

TEST_P(Scripts, totals_are_exact) {
    const Language& one = GetParam();
    const std::string interpreter = interpreter_of(one);
    if (interpreter.empty()) GTEST_SKIP() << one.name << " is not installed";
    Process script({.command = {interpreter, target_path(one.script)}});
    ASSERT_TRUE(script.output().next_with("DONE")) << script.errors().all();
    for (const std::string& site : one.sites) {
        ask_script(script, "cycle " + site + " 3");  // what is opened at the first time
        ask_script(script, "leak " + site + " 2");
    }
    ask_script(script, "ledger");

    Whoholds whoholds = Whoholds::attach(script.pid());
    ask_script(script, "mark");
    for (size_t i = 0; i < one.sites.size(); i++) {
        ask_script(script, "cycle " + one.sites[i] + " 20");
        ask_script(script, "leak " + one.sites[i] + " " + std::to_string(i + 1));
    }
    const json ledger = json::parse(ask_script(script, "ledger"), nullptr, false);
    const ReportReader report = whoholds.finish();

    ASSERT_TRUE(ledger.is_object());
    for (const std::string kind : {"fd", "socket", "thread"}) {
        Difference expected;
        for (const json& site : ledger["sites"]) {
            if (site["kind"] != kind) continue;
            expected.opened += site["opened"].get<uint64_t>();
            expected.closed += site["closed"].get<uint64_t>();
        }
        // What the C library opens when a thread first takes memory is none of the script's.
        const Totals all = report.kind(kind);
        const Totals in_threads =
            kind == "fd" && one.name == "python" ? report.with_function("start_thread", kind) : Totals();
        const Totals seen{{},
                          {all.acquired.count - in_threads.acquired.count, 0},
                          {all.released.count - in_threads.released.count, 0},
                          {}};
        EXPECT_EQ((Difference{seen.acquired.count, seen.released.count}), expected) << kind;
    }
    EXPECT_EQ(held_tables(report), proc_tables_of(script.pid()));
    expect_balanced(report);
    ask_script(script, "cycle " + one.sites[0] + " 1");
}

INSTANTIATE_TEST_SUITE_P(Each, Scripts,
                         ::testing::Values(Language{"python",
                                                    {"python3"},
                                                    "descriptors_puppet.py",
                                                    {"open_file", "open_descriptor", "open_pipe", "open_pidfd",
                                                     "open_socket", "open_pair", "connect", "start_thread"}},
                                           Language{"node",
                                                    {"node"},
                                                    "descriptors_puppet.js",
                                                    {"openFile", "openFileLater", "connect", "bindUdp"}}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace whoholds::e2e
