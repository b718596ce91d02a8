// What tracing adds for Go programs: every goroutine that comes and goes, with the stack of its go statement and the ancestry of
// its creator; the same ancestry for what goroutines take; pairs of Go functions. Against the puppet's own ledger.
#include <gmock/gmock.h>
#include <signal.h>

#include "e2e/puppet.h"
#include "e2e/report_reader.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class GoTracing : public E2eTest, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (target_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " was not built: go is not installed";
    }

    // The functions of a stack that begin a creator's part.
    static std::vector<std::string> creators(const json& stack) {
        std::vector<std::string> functions;
        for (const json& frame : stack.at("frames"))
            if (frame.value("created_by", false)) functions.push_back(text_of(frame, "function"));
        return functions;
    }
    static json with_headline(const ReportReader& report, const std::string& kind, const std::string& headline) {
        for (const json& stack : report.stacks(kind))
            if (text_of(stack, "headline") == headline && !stack.at("before_attach").get<bool>()) return stack;
        ADD_FAILURE() << "no stack of kind " << kind << " with " << headline << ": " << report.stacks(kind).dump(1);
        return {{"frames", json::array()}, {"held", {{"count", -1}}}, {"acquired", {{"count", -1}}}};
    }
    static std::vector<std::string> functions(const json& stack) {
        std::vector<std::string> names;
        for (const json& frame : stack.at("frames")) names.push_back(text_of(frame, "function"));
        return names;
    }
};

TEST_P(GoTracing, T1_T38_births_and_deaths_equal_the_programs_own_ledger) {
    Puppet puppet(GetParam());
    puppet.command("live 3");
    const json before = puppet.command_json("ledger");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--kind", "goroutine"});
    for (const char* command : {"live 5", "churn 3000", "grow 300", "live 2", "churn 3000"}) puppet.command(command);
    const json after = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    const Totals goroutines = report.kind("goroutine");
    const auto created = after.at("created").get<uint64_t>() - before.at("created").get<uint64_t>();
    const auto ended = after.at("ended").get<uint64_t>() - before.at("ended").get<uint64_t>();
    EXPECT_EQ(goroutines.acquired.count, created);
    EXPECT_EQ(goroutines.released.count, ended);
    EXPECT_EQ(goroutines.held.count, 4 + created - ended);
    EXPECT_EQ(report.process().at("kinds").at("goroutine").at("before_attach").at("count"), 4);
    EXPECT_EQ(report.process().at("kinds").at("goroutine").at("released_unknown"), 0);
    EXPECT_EQ(report.loss("goroutines_lost"), 0U);
    const Totals live = report.with_function("main.startLive", "goroutine");
    EXPECT_EQ(live.held.count, 10U);
    EXPECT_EQ(live.acquired.count, 7U);
    EXPECT_EQ(report.with_function("main.runAndWait", "goroutine").released.count, ended);
    const json stack = with_headline(report, "goroutine", "main.startLive");
    EXPECT_TRUE(stack.at("complete"));
    EXPECT_EQ(functions(stack).at(0), "main.startLive");
    EXPECT_THAT(functions(stack), IsSupersetOf({"main.run", "main.main"}));
    EXPECT_THAT(stack.at("item_groups").at(0).at("what").get<std::string>(), HasSubstr("main.stay"));
}

TEST_P(GoTracing, ancestry_goes_back_over_generations_and_has_an_end) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"chain 4", "respawn 200", "pingpong 200"}, {"--kind", "goroutine"});

    const json chain = with_headline(report, "goroutine", "main.child");
    EXPECT_EQ(chain.at("held").at("count"), 4);
    EXPECT_THAT(creators(chain), ElementsAre("main.parent", "main.startChain"));
    EXPECT_THAT(functions(chain), IsSupersetOf({"main.run", "main.main"}));
    const json respawned = with_headline(report, "goroutine", "main.respawn");
    EXPECT_THAT(functions(respawned), IsSupersetOf({"main.startRespawn", "main.main"}));
    EXPECT_EQ(report.with_function("main.respawn", "goroutine").acquired.count, 200U);
    EXPECT_EQ(report.with_function("main.startRespawn", "goroutine").acquired.count, 402U);
    EXPECT_LT(report.stacks("goroutine").size(), 40U);
}

TEST_P(GoTracing, goroutines_that_timers_create_are_named_by_their_function) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"timer 2"}, {"--kind", "goroutine"});

    EXPECT_EQ(report.kind("goroutine").acquired.count, 2U);
    EXPECT_EQ(report.with_function("time.goFunc", "goroutine").held.count, 2U);
}

TEST_P(GoTracing, connections_name_who_asked_for_them) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"fetch 3"});

    const json dialled = with_headline(report, "socket", "main.(*Client).Fetch");
    EXPECT_EQ(dialled.at("held").at("count"), 3);
    EXPECT_FALSE(creators(dialled).empty());
    EXPECT_THAT(functions(dialled), IsSupersetOf({"net/http.(*Transport).dialConn", "main.handleJob", "main.main"}));
    EXPECT_GE(report.with_function("main.(*Client).Fetch", "goroutine").held.count, 6U);
}

TEST_P(GoTracing, T1_pairs_of_go_functions_are_followed) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"open 50"}, {"--pair", "main.NewThing / (*Thing).Close"});

    const Totals things = report.kind("pair:main.NewThing");
    EXPECT_EQ(things.acquired.count, 100U);
    EXPECT_EQ(things.released.count, 50U);
    EXPECT_EQ(things.held.count, 50U);
    EXPECT_EQ(report.stacks("pair:main.NewThing").at(0).at("headline"), "main.useThings");
}

// Functions that return interfaces, numbers or names before their handle, and generic ones, which take more than is written down.
TEST_P(GoTracing, the_handle_of_a_pair_is_found_among_several_words) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(
        puppet, {"handles 20"},
        {"--pair", "door=main.NewDoor / (*Door).Close", "--pair", "any=main.NewAny / main.CloseAny", "--pair",
         "converted=main.NewConverted / (*Door).Close", "--pair", "numbered=main.NewNumbered:ret2 / (*Door).Close",
         "--pair", "named=main.NewNamed:ret3 / (*Door).Close", "--pair", "wrapped=main.NewWrapped / main.Wrapped.End",
         "--pair", "number=main.OpenNumber:ret1 / main.CloseNumber:arg1", "--pair",
         "given=main.(*Pool[...]).Get / (*Pool[...]).Put:arg2", "--pair",
         "pool=main.NewPool / main.DropPool,main.(*Pool[...]).Empty"});

    for (const char* pair : {"door", "any", "converted", "numbered", "named", "wrapped", "number"}) {
        EXPECT_EQ(report.kind(std::string("pair:") + pair).acquired.count, 40U) << pair;
        EXPECT_EQ(report.kind(std::string("pair:") + pair).released.count, 20U) << pair;
        EXPECT_EQ(report.kind(std::string("pair:") + pair).held.count, 20U) << pair;
    }
    for (const char* pair : {"given", "pool"}) {
        EXPECT_EQ(report.kind(std::string("pair:") + pair).acquired.count, 80U) << pair;
        EXPECT_EQ(report.kind(std::string("pair:") + pair).released.count, 40U) << pair;
    }
}

// With types they are found or refused; without, what is no address is counted as not known, and what never fits is said.
TEST_P(GoTracing, handles_that_cannot_be_known_are_told_apart_from_handles) {
    Puppet puppet(GetParam());

    const ReportReader report =
        trace(puppet, {"handles 20"},
              {"--pair", "numbered=main.NewNumbered / (*Door).Close", "--pair", "named=main.NewNamed / (*Door).Close",
               "--pair", "several=main.NewSeveral / main.Several.End", "--pair",
               "number=main.OpenNumber / main.CloseNumber"});

    const bool has_types = !std::string_view(GetParam()).ends_with("_pie");
    const json& skipped = report.root().at("coverage").at("skipped");
    for (const char* pair : {"numbered", "named", "number"})
        EXPECT_EQ(report.kind(std::string("pair:") + pair).released.count, has_types ? 20U : 0U) << pair;
    EXPECT_EQ(report.kind("pair:numbered").acquired.count, has_types ? 40U : 0U);
    EXPECT_EQ(report.kind("pair:number").acquired.count, has_types ? 40U : 0U);
    EXPECT_EQ(skipped.dump().find("main.NewSeveral returns (main.Several)") != std::string::npos ||
                  skipped.dump().find("main.Several.End takes (main.Several)") != std::string::npos,
              has_types)
        << skipped.dump(1);
    if (has_types) return;
    // NewNumbered, OpenNumber and CloseNumber.
    EXPECT_EQ(report.loss("handles_unknown"), 40U + 40U + 20U);
    EXPECT_THAT(text_of(report.process().at("kinds").at("pair:named"), "note"), HasSubstr("none of "));
}

TEST_P(GoTracing, ready_pairs_of_the_standard_library_count_exactly) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"library 10"}, {"--pairs", "sql.DB"});

    EXPECT_EQ(report.kind("pair:sql.DB").acquired.count, 20U);
    EXPECT_EQ(report.kind("pair:sql.DB").released.count, 10U);
    EXPECT_EQ(report.with_function("main.useLibrary", "pair:sql.DB").held.count, 10U);
}

// Stop is small enough for the compiler to put it into its callers.
TEST_P(GoTracing, a_pair_whose_releases_cannot_all_be_seen_is_refused) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"library 10"}, {"--pair", "ticker=time.NewTicker / (*Ticker).Stop"});

    EXPECT_EQ(report.kind("pair:ticker").acquired.count, 0U);
    EXPECT_THAT(report.root().at("coverage").at("skipped").dump(), HasSubstr("is inlined into "));
}

TEST_P(GoTracing, T1_survives_attaching_and_killing_under_load) {
    Puppet puppet(GetParam());
    puppet.command("busy start");
    for (int i = 0; i < 3; ++i) {
        const ReportReader report = trace(puppet, {"grow 50", "churn 500"}, {"--kind", "goroutine"});
        EXPECT_GE(report.kind("goroutine").acquired.count, 550U);
    }

    Whoholds killed = Whoholds::attach(puppet.pid());
    puppet.command("grow 50");
    killed.process().send_signal(SIGKILL);
    killed.wait();

    puppet.command("busy stop");
    puppet.command("grow 50");
    const json ledger = puppet.command_json("ledger");
    EXPECT_GT(ledger.at("created").get<uint64_t>(), 2000U);
}

TEST_P(GoTracing, is_left_out_if_it_is_not_wanted) {
    Puppet puppet(GetParam());

    const ReportReader report = trace(puppet, {"live 5", "churn 100"}, {"--no-go-tracing"});

    // Only looks see them: those that live, and perhaps one that is just ending.
    EXPECT_GE(report.kind("goroutine").acquired.count, 5U);
    EXPECT_LT(report.kind("goroutine").acquired.count, 100U);
    EXPECT_THAT(report.probes().dump(), Not(HasSubstr("runtime.newproc1")));
}

INSTANTIATE_TEST_SUITE_P(Each, GoTracing,
                         ::testing::Values("go_tracing", "go_tracing_pie", "go_tracing_cgo", "go_1_19_tracing",
                                           "go_1_19_tracing_pie"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace whoholds::e2e
