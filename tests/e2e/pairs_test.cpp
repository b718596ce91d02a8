// Pairs of functions: every pair of the catalogue against the real library of this machine, and pairs that the user names.
// A puppet makes and frees things in every listed way, from a site that keeps and one that does not, and uses the library in ways
// that make and free such things inside. What is held must be exact for each stack.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "e2e/whoholds.h"
#include "runtime/pairs/catalogue.h"

namespace whoholds::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string held_elsewhere(const ReportReader& report, const std::string& kind) {
    std::string text;
    for (const auto& stack : report.stacks(kind)) {
        if (sum_of(stack.at("held")).count == 0) continue;
        std::string frames;
        bool is_kept = false;
        for (const auto& frame : stack.at("frames")) {
            frames += text_of(frame, "function") + " < ";
            is_kept = is_kept || text_of(frame, "function") == "kept_here";
        }
        if (!is_kept) text += frames + "\n";
    }
    return text;
}

class CataloguePairs : public E2eTest, public ::testing::WithParamInterface<CatalogueEntry> {};

TEST_P(CataloguePairs, T8_count_what_the_program_holds_whatever_the_library_does_inside) {
    if (GetParam().group == "go") GTEST_SKIP() << "of Go: see go_tracing_test.cpp";
    const std::string name(GetParam().name);
    const std::string kind = "pair:" + name;
    Puppet puppet("pairs_puppet");
    const std::string library = puppet.command("library " + name);
    if (system_library(library).empty() && library != "libc.so.6") GTEST_SKIP() << library << " is not installed";
    puppet.command("load " + library);
    const int ways = std::stoi(puppet.command("ways " + name));
    const std::string some = name + " " + std::to_string(ways);
    const std::string more = name + " " + std::to_string(2 * ways);
    puppet.command("cycle " + some);  // before the attach: what a library makes once and keeps is none of our business
    puppet.command("use " + name);

    const ReportReader report =
        trace(puppet, {"use " + name, "keep " + more, "cycle " + more, "drop " + some, "use " + name, "cycle " + some},
              {"--pairs", name, "--kind", "pair"});

    const Totals kept = report.with_function("kept_here", kind);
    EXPECT_EQ(kept.held.count, static_cast<uint64_t>(ways));
    EXPECT_EQ(report.kind(kind).held.count, static_cast<uint64_t>(ways)) << held_elsewhere(report, kind);
    EXPECT_EQ(report.events_lost(), 0U);
}

TEST_P(CataloguePairs, every_pair_has_a_puppet) {
    Puppet puppet("pairs_puppet");

    EXPECT_THAT(puppet.ask("ways " + std::string(GetParam().name)), HasSubstr("DONE"));
}

// Those of Go are tried in go_tracing_test.cpp and in the stories, with the real modules.
std::vector<CatalogueEntry> pairs_of_c() {
    std::vector<CatalogueEntry> pairs(catalogue().begin(), catalogue().end());
    std::erase_if(pairs, [](const CatalogueEntry& entry) { return entry.group == "go"; });
    return pairs;
}

INSTANTIATE_TEST_SUITE_P(Catalogue, CataloguePairs, ::testing::ValuesIn(pairs_of_c()), [](const auto& entry) {
    std::string name(entry.param.name);
    std::ranges::replace(name, '.', '_');
    return name;
});

class UserPairs : public E2eTest {};

TEST_F(UserPairs, T7_T11_cpp_functions_that_throw_neither_count_nor_end_the_program) {
    Puppet puppet("pairs_cpp");

    const ReportReader report = trace(puppet, {"keep 10", "throw 20", "cycle 30", "throw 5"},
                                      {"--pair", "work::Job::open,work::Job::open_behind:out2/work::Job::close"});

    EXPECT_EQ(report.kind("pair:work::Job").held.count, 10U);
    EXPECT_EQ(report.kind("pair:work::Job").acquired.count, 40U);
    EXPECT_EQ(report.with_function("kept_here", "pair:work::Job").held.count, 10U);
    EXPECT_EQ(report.with_function("thrown_here", "pair:work::Job").acquired.count, 0U);
    EXPECT_EQ(puppet.ask("throw 1"), "DONE");
}

TEST_F(UserPairs, globs_sizes_and_other_arguments) {
    Puppet puppet("pairs_cpp");

    const ReportReader report =
        trace(puppet, {"keep 4", "cycle 3"},
              {"--pair", "pool=pairs_cpp!pool_*_new:size=arg1/pool_drop:arg2", "--kind", "pair"});

    EXPECT_EQ(report.kind("pair:pool").held, (Sum{4, 2 * 10 + 2 * 1000}));
    EXPECT_EQ(report.kind("pair:pool").released, (Sum{3, 21}));
    EXPECT_EQ(report.kind("heap").acquired.count, 0U) << "--kind pair shows only pairs";
}

TEST_F(UserPairs, two_pairs_may_name_the_same_function) {
    Puppet puppet("pairs_cpp");

    const ReportReader report = trace(puppet, {"keep 4", "cycle 3"},
                                      {"--pair", "a=pool_small_new/pool_drop:arg2", "--pair",
                                       "b=pool_small_new:size=arg1,pool_large_new:size=arg1/pool_drop:arg2"});

    EXPECT_EQ(report.kind("pair:a").held.count, 2U);
    EXPECT_EQ(report.kind("pair:b").held, (Sum{4, 2020}));
}

TEST_F(UserPairs, what_is_nowhere_is_named) {
    Puppet puppet("pairs_cpp");

    const ReportReader report = trace(puppet, {"keep 1"}, {"--pair", "pool_small_new/pool_gone"});

    EXPECT_THAT(report.root().at("coverage").at("skipped").dump(), HasSubstr("pool_gone"));
}

TEST_F(UserPairs, T17_a_library_that_is_loaded_later_is_followed_then) {
    if (system_library("libz.so.1").empty()) GTEST_SKIP() << "libz.so.1 is not installed";
    Puppet puppet("pairs_puppet");

    Whoholds whoholds = Whoholds::attach(puppet.pid(), {"--pairs", "inflate", "0.1"});

    puppet.command("load libz.so.1");
    constexpr int kReportsAtMost = 100;
    for (int i = 0;
         i < kReportsAtMost && whoholds.next_report().probes().dump().find("inflateEnd") == std::string::npos;)
        ++i;
    puppet.command("keep inflate 6");
    puppet.command("cycle inflate 3");
    const ReportReader report = whoholds.finish();

    EXPECT_EQ(report.with_function("kept_here", "pair:inflate").held.count, 6U);
    EXPECT_THAT(report.root().at("coverage").at("skipped").dump(), Not(HasSubstr("pair inflate")));
}

}  // namespace
}  // namespace whoholds::e2e
