#include "analyze/suppressions.h"

#include <gmock/gmock.h>

#include "recording/replay.h"
#include "report/flat_stacks.h"
#include "report/suppressed_words.h"
#include "unit/analyze/observed_process.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool matches(std::string_view pattern, std::string_view text) { return SuppressionPattern(pattern).matches(text); }

Suppressions suppressions(std::string_view text) {
    Result<Suppressions> parsed = Suppressions::parse(text, "known.supp");
    EXPECT_TRUE(parsed) << parsed.error().message;
    return *std::move(parsed);
}

std::string why_refused(std::string_view text) {
    const Result<Suppressions> parsed = Suppressions::parse(text, "known.supp");
    return parsed ? "" : parsed.error().message;
}

StackReport stack_of(std::string kind, uint64_t id, std::vector<Frame> frames, Amount held) {
    StackReport stack;
    stack.kind = std::move(kind);
    stack.id = id;
    stack.held = stack.acquired = held;
    stack.headline = frames.front().function;
    stack.frames = std::move(frames);
    return stack;
}

ProcessReport holding_process() {
    ProcessReport process;
    process.kinds = {
        {.kind = "heap", .title = "native heap", .held = {12, 1200}, .acquired = {12, 1200}, .stack_count = 2},
        {.kind = "socket", .title = "sockets", .held = {.count = 3}, .acquired = {.count = 3}, .stack_count = 1}};
    process.stack_count = 3;
    process.stacks = {stack_of("heap", 1, {frame_of("keep", 1), frame_of("main", 9)}, {10, 1000}),
                      stack_of("heap", 2, {frame_of("cache::fill", 2, "/usr/lib/libcache.so.2")}, {2, 200}),
                      stack_of("socket", 3, {frame_of("dial", 3), frame_of("main", 9)}, {.count = 3})};
    process.connections = {{.remote = "10.0.0.1:80", .count = 3, .stack_ids = {3}}};
    return process;
}

Report suppressed_by(std::string_view text) {
    Suppressions known = suppressions(text);
    Report report;
    report.processes = {holding_process()};
    known.take_out_stacks(report.processes[0]);
    known.take_out_findings(report.processes[0]);
    known.sum_up(report);
    return report;
}

std::vector<uint64_t> ids_of(const Report& report) {
    std::vector<uint64_t> ids;
    for (const StackReport& stack : report.processes[0].stacks) ids.push_back(stack.id);
    return ids;
}

TEST(Suppressions, a_pattern_is_searched_anywhere) {
    EXPECT_TRUE(matches("cache", "my::cache::fill"));
    EXPECT_FALSE(matches("cache", "my::Cache"));
    EXPECT_FALSE(matches("cache", ""));
}

TEST(Suppressions, a_star_is_anything) {
    EXPECT_TRUE(matches("a*c", "xxabbbcxx"));
    EXPECT_TRUE(matches("a*c", "ac"));
    EXPECT_FALSE(matches("a*c", "ca"));
    EXPECT_TRUE(matches("*", "anything"));
    EXPECT_FALSE(matches("*", ""));
}

TEST(Suppressions, anchors_are_the_beginning_and_the_end) {
    EXPECT_TRUE(matches("^main", "main.run"));
    EXPECT_FALSE(matches("^main", "domain.run"));
    EXPECT_TRUE(matches("run$", "rerun.run"));
    EXPECT_FALSE(matches("run$", "runner"));
    EXPECT_TRUE(matches("^main$", "main"));
    EXPECT_FALSE(matches("^main$", "main.main"));
    EXPECT_TRUE(matches("^a*b*c$", "abxbc"));
    EXPECT_FALSE(matches("^ab*bc$", "abc"));
    EXPECT_TRUE(matches("a*$", "ab"));
    EXPECT_TRUE(matches("^*b", "ab"));
}

TEST(Suppressions, a_line_that_is_none_is_refused_with_its_number_and_the_reason) {
    EXPECT_THAT(why_refused("# known\n\nleak:ok\nmy_cache\n"),
                HasSubstr("known.supp:4: \"my_cache\" is no suppression"));
    EXPECT_THAT(why_refused("race:foo\n"),
                HasSubstr("known.supp:1: \"race\" is not a kind: write one of leak, finding, heap"));
    EXPECT_THAT(why_refused("leak:\n"), HasSubstr("known.supp:1: there is no pattern"));
    EXPECT_THAT(why_refused("leak:^$"), HasSubstr("known.supp:1: there is no pattern"));
    EXPECT_THAT(why_refused("leak:" + std::string(1001, 'x')), HasSubstr("more than 1000 characters"));
    EXPECT_EQ(why_refused("  # comment\r\n\t leak:a b \r\n"), "");
}

TEST(Suppressions, match_function_file_and_module_of_any_frame) {
    EXPECT_THAT(ids_of(suppressed_by("leak:^main$")), ElementsAre(2));
    EXPECT_THAT(ids_of(suppressed_by("leak:libcache.so")), ElementsAre(1, 3));
    EXPECT_THAT(ids_of(suppressed_by("leak:server.cpp$")), IsEmpty());
}

TEST(Suppressions, of_a_kind_leave_other_kinds) {
    EXPECT_THAT(ids_of(suppressed_by("socket:main")), ElementsAre(1, 2));
    EXPECT_THAT(ids_of(suppressed_by("fd:main")), ElementsAre(1, 2, 3));
}

TEST(Suppressions, are_counted_and_leave_totals_as_they_are) {
    const Report report = suppressed_by("leak:keep\nsocket:dial\nleak:never\n# end\nheap:also_never");

    const ProcessReport& process = report.processes[0];
    EXPECT_THAT(ids_of(report), ElementsAre(2));
    EXPECT_THAT(process.connections, IsEmpty());
    EXPECT_EQ(process.kinds[0].held, (Amount{12, 1200}));
    EXPECT_EQ(process.kinds[0].stack_count, 1U);
    EXPECT_EQ(process.stack_count, 1U);
    ASSERT_TRUE(report.suppressed);
    EXPECT_EQ(suppressed_words(*report.suppressed),
              "2 stacks (1,000 B native heap, 3 sockets), by 2 of 4 suppressions; never matched: leak:never, "
              "heap:also_never");
    EXPECT_EQ(report.suppressed->suppressions[3].line, 5U);
}

TEST(Suppressions, that_match_nothing_are_named) {
    EXPECT_EQ(suppressed_words(*suppressed_by("leak:never").suppressed),
              "nothing now (1 suppression); never matched: leak:never");
}

TEST(Suppressions, are_a_row_of_their_own_where_rows_are_added_up) {
    const Report report = suppressed_by("leak:keep");

    Amount sum;
    Amount suppressed;
    for (const FlatStack& row : flat_stacks(report)) {
        if (row.kind->kind == "heap") sum.bytes += row.held.bytes;
        if (row.place == "[suppressed]") suppressed = row.held;
    }
    EXPECT_EQ(sum.bytes, 1200U);
    EXPECT_EQ(suppressed, (Amount{10, 1000}));
}

TEST(Suppressions, are_put_back_for_a_recording) {
    Report report = suppressed_by("leak:main");

    put_back_suppressed(report);

    EXPECT_THAT(ids_of(report), ElementsAre(1, 2, 3));
    EXPECT_THAT(report.processes[0].connections, SizeIs(1));
    EXPECT_EQ(report.processes[0].kinds[0].stack_count, 2U);
    EXPECT_EQ(report.processes[0].stack_count, 3U);
    EXPECT_FALSE(report.suppressed);
}

TEST(Suppressions, of_findings_go_by_headline_or_rule) {
    Suppressions known = suppressions("finding:^page_cache$\nfinding:keep\nleak:fragment");
    Report report;
    report.processes.resize(1);
    report.processes[0].findings = {{.rule = "page_cache", .headline = "page cache"},
                                    {.rule = "growth", .headline = "keep"},
                                    {.rule = "fragmentation", .headline = "memory that nothing holds"}};

    known.take_out_findings(report.processes[0]);
    known.sum_up(report);

    ASSERT_THAT(report.processes[0].findings, SizeIs(1));
    EXPECT_EQ(report.processes[0].findings[0].rule, "fragmentation");
    EXPECT_EQ(suppressed_words(*report.suppressed), "2 findings, by 2 of 3 suppressions; never matched: leak:fragment");
}

// A process that leaks at two places, looked at as a session does.
TEST(Suppressions, give_no_finding) {
    Suppressions known = suppressions("leak:^keep$");
    Replay replay(&known);
    Report report;

    for (int look = 1; look <= 12; look++) {
        report = Report();
        report.attached_s = look * 5;
        const auto held = [&](uint64_t each) {
            return Amount{each * static_cast<uint64_t>(look), each * 4096 * static_cast<uint64_t>(look)};
        };
        ProcessReport process;
        process.attached_s = report.attached_s;
        process.stacks = {stack_of("heap", 1, {frame_of("keep", 1), frame_of("main", 9)}, held(100)),
                          stack_of("heap", 2, {frame_of("forget", 2), frame_of("main", 9)}, held(10))};
        process.kinds = {
            {.kind = "heap", .title = "native heap", .held = held(110), .acquired = held(110), .stack_count = 2}};
        report.processes = {process};
        replay.look(report);
    }

    ASSERT_THAT(report.processes[0].findings, SizeIs(1));
    EXPECT_EQ(report.processes[0].findings[0].headline, "forget");
    EXPECT_EQ(report.suppressed->stacks, 1U);
}

}  // namespace
}  // namespace whoholds
