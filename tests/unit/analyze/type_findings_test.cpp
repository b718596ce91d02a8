// What the census by type of a Go heap proves: from processes that are looked at to findings.
#include "analyze/type_findings.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "unit/analyze/observed_process.h"

namespace whoholds {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using OverTime = std::function<double(double time_s)>;

Frame go_line(const char* function, int line) {
    Frame frame = frame_of(function, line);
    frame.go = GoOrigin::kUser;
    frame.file = "/src/cache.go";
    return frame;
}

// A server with a map of pages: 40 more a second, 5,000 bytes each with their texts.
struct GoHeap {
    OverTime pages = [](double time_s) { return 40 * time_s; };
    OverTime other_bytes = [](double) { return 1e6; };
    OverTime anon_bytes = [](double time_s) { return 30e6 + 200e3 * time_s; };
    int telling = 3;
    std::vector<Frame> made_at = {go_line("main.render", 20)};
    std::string way = "variable main.pages -> map[string]*main.page -> *main.page";
    uint64_t looks_each = 1;  // 0: the heap is not looked at again

    void fill(ProcessReport& process, double time_s) const {
        process.memory.anon_bytes = static_cast<uint64_t>(anon_bytes(time_s));
        const auto count = static_cast<uint64_t>(pages(time_s));
        TypesReport& types = process.types.emplace();
        types.looks = looks_each == 0 ? 1 : static_cast<uint64_t>(time_s);
        TypeReport page{.name = "*main.page", .held = {count * 3, count * 3 * 24}, .telling = telling};
        page.reached = {{count, count * 24}, count * 5000};
        page.made_at = made_at;
        page.held_by = {{way, 100, 100}};
        TypeReport other{.name = "*main.other", .telling = 3};
        other.reached = {{10, 100}, static_cast<uint64_t>(other_bytes(time_s))};
        types.reached = {count + 10, count * 5000 + other.reached->whole_bytes};
        types.types = {page, other};
    }

    [[nodiscard]] ObservedProcess observed() const {
        ObservedProcess process;
        process.also = [this](ProcessReport& report, double time_s) { fill(report, time_s); };
        return process;
    }
    [[nodiscard]] std::vector<Finding> findings(double seconds = 60) const {
        return observed().look_for(seconds).findings;
    }
};

// The profile has no sample of it.
TEST(TypeFindings, a_type_of_which_more_and_more_are_reached_is_growing_at_the_line_that_allocates_it) {
    const GoHeap heap;

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    const Finding& finding = findings[0];
    EXPECT_EQ(finding.verdict, "growing");
    EXPECT_EQ(finding.rule, "types");
    EXPECT_EQ(finding.headline, "main.render");
    EXPECT_EQ(finding.file, "/src/cache.go");
    EXPECT_EQ(finding.line, 20);
    EXPECT_THAT(finding.reason, HasSubstr("+2,400 *main.page a minute"));
    EXPECT_THAT(finding.evidence, Contains("held by variable main.pages -> map[string]*main.page -> *main.page (100 of "
                                           "100 *main.page looked at)"));
    ASSERT_THAT(finding.parts, SizeIs(1));
    EXPECT_EQ(finding.parts[0].kind, "go_heap");
    EXPECT_NEAR(finding.parts[0].growth_per_min.count, 2400, 1);
    EXPECT_NEAR(finding.parts[0].growth_per_min.bytes, 12e6, 1e4);
}

TEST(TypeFindings, is_said_after_half_a_minute_and_not_before) {
    const GoHeap heap;

    EXPECT_THAT(heap.findings(25), IsEmpty());
    EXPECT_THAT(heap.findings(35), SizeIs(1));
}

TEST(TypeFindings, a_cache_that_is_full_a_burst_and_waves_are_no_growth) {
    GoHeap heap;
    const auto findings_of = [&](OverTime pages) {
        heap.pages = std::move(pages);
        return heap.findings();
    };

    EXPECT_THAT(findings_of([](double time_s) { return 40 * std::min(time_s, 20.0); }), IsEmpty());
    EXPECT_THAT(findings_of([](double time_s) { return time_s < 30 ? 100 : 3000; }), IsEmpty());
    EXPECT_THAT(findings_of([](double time_s) { return 1000 + 900 * std::sin(time_s); }), IsEmpty());
    EXPECT_THAT(findings_of([](double time_s) { return 100'000 + time_s; }), IsEmpty());  // one in a thousand
}

TEST(TypeFindings, what_takes_the_place_of_something_else_is_no_growth) {
    GoHeap heap;
    heap.other_bytes = [](double time_s) { return 20e6 - 200e3 * time_s; };

    EXPECT_THAT(heap.findings(), IsEmpty());
}

TEST(TypeFindings, memory_has_to_grow_along) {
    GoHeap heap;
    heap.anon_bytes = [](double) { return 60e6; };

    EXPECT_THAT(heap.findings(), IsEmpty());
}

TEST(TypeFindings, a_look_at_the_heap_counts_once_however_often_it_is_reported) {
    GoHeap heap;
    heap.looks_each = 0;

    EXPECT_THAT(heap.findings(), IsEmpty());
}

TEST(TypeFindings, a_small_part_of_what_grows_is_not_blamed) {
    GoHeap heap;
    heap.other_bytes = [](double time_s) { return 1e6 + 1e6 * time_s; };
    heap.anon_bytes = [](double time_s) { return 30e6 + 1.2e6 * time_s; };

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "*main.other");
}

TEST(TypeFindings, without_a_line_that_is_proved_the_type_and_its_holder_are_named) {
    GoHeap heap;
    heap.made_at = {go_line("main.render", 20), go_line("main.load", 40)};

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "*main.page, held by variable main.pages");
    EXPECT_EQ(findings[0].file, "");
    EXPECT_THAT(findings[0].evidence, Contains("they are allocated at /src/cache.go:20, /src/cache.go:40"));
}

// Few samples, which prove nothing by themselves, but most of what grew.
TEST(TypeFindings, the_line_that_took_most_of_what_grew_comes_before_the_one_that_allocates_the_type) {
    GoHeap heap;
    ObservedProcess observed = heap.observed();
    const auto sampled_at = [](double at_s) { return [=](double birth_s) { return birth_s == at_s ? 400.0 : 0.0; }; };
    observed.add(
        {"go_heap", 7, {go_line("main.read", 30), go_line("main.main", 90)}, sampled_at(33), forever, 10'000, false});

    const auto findings = observed.look_for(60).findings;

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].rule, "types");
    EXPECT_EQ(findings[0].headline, "main.read");
    EXPECT_THAT(findings[0].stack_ids, ElementsAre(7));
    EXPECT_THAT(findings[0].evidence, Contains("they are allocated at /src/cache.go:20"));
}

// Libraries allocate them, too: where the user's code does so proves nothing.
TEST(TypeFindings, of_types_that_are_not_the_users_only_stacks_tell_the_line) {
    GoHeap heap;
    heap.telling = 1;

    EXPECT_THAT(heap.findings(), IsEmpty());
}

TEST(TypeFindings, what_belongs_to_something_that_was_found_is_not_found_twice) {
    GoHeap heap;
    const auto found_with = [&](const char* kind, double each_s) {
        ObservedProcess observed = heap.observed();
        observed.add({kind,
                      9,
                      {go_line("main.dial", 50), go_line("main.main", 90)},
                      [=](double) { return each_s; },
                      forever,
                      std::string_view(kind) == "go_heap" ? 5000U : 0U});
        return observed.look_for(60).findings;
    };

    for (const auto& findings : {found_with("go_heap", 40), found_with("socket", 40), found_with("fd", 20)}) {
        ASSERT_THAT(findings, SizeIs(1));
        EXPECT_EQ(findings[0].rule, "growth");
    }
    EXPECT_THAT(found_with("socket", 13), SizeIs(2));  // a leak of its own
    EXPECT_THAT(found_with("goroutine", 13), SizeIs(2));
    heap.way = "goroutine main.poll, started by main.dial -> *main.page";
    EXPECT_THAT(found_with("goroutine", 13), SizeIs(1));
}

TEST(TypeFindings, a_little_that_grows_elsewhere_hides_nothing) {
    GoHeap heap;
    ObservedProcess observed = heap.observed();
    observed.add(
        {"go_heap", 9, {go_line("main.count", 60), go_line("main.main", 90)}, [](double) { return 2; }, forever, 2000});

    EXPECT_THAT(observed.look_for(60).findings, SizeIs(2));
}

TEST(TypeFindings, who_holds_it_and_what_was_counted_is_said_of_what_was_found_at_that_line) {
    GoHeap heap;
    ObservedProcess observed = heap.observed();
    observed.add({"go_heap",
                  9,
                  {go_line("main.render", 20), go_line("main.main", 90)},
                  [](double) { return 40; },
                  forever,
                  5000});

    const auto findings = observed.look_for(60).findings;

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].rule, "growth");
    EXPECT_THAT(findings[0].evidence, Contains(HasSubstr("held by variable main.pages")));
    EXPECT_THAT(findings[0].evidence, Contains(HasSubstr("+2,400 *main.page a minute")));
}

// A profile lags behind, so a forecast by it would be too late.
TEST(TypeFindings, what_was_counted_says_when_a_limit_is_reached) {
    GoHeap heap;
    const auto reached_in_s = [&](double pages_a_second) {
        heap.pages = [=](double time_s) { return pages_a_second * time_s; };
        ObservedProcess observed = heap.observed();
        observed.also = [&](ProcessReport& process, double time_s) {
            heap.fill(process, time_s);
            process.memory.limit_bytes = 1 << 30;
            process.memory.limit_source = "memory.max";
            process.limits.memory_now_bytes = process.memory.anon_bytes;
        };
        observed.add({"go_heap",
                      9,
                      {go_line("main.render", 20), go_line("main.main", 90)},
                      [](double) { return 10; },
                      forever,
                      5000});
        const auto findings = observed.look_for(60).findings;
        EXPECT_THAT(findings, SizeIs(1));
        return findings.empty() || !findings[0].forecast ? 0 : findings[0].forecast->in_s;
    };

    EXPECT_GT(reached_in_s(40), 0);
    EXPECT_LE(reached_in_s(40), reached_in_s(0) / 2);
}

TEST(TypeFindings, what_is_suppressed_is_not_found_this_way) {
    GoHeap heap;
    ObservedProcess observed = heap.observed();
    observed.also = [&](ProcessReport& process, double time_s) {
        heap.fill(process, time_s);
        StackReport known{.kind = "go_heap", .id = 7};
        known.frames = {go_line("main.render", 20)};
        process.suppressed.stacks.emplace_back(0, known);
    };

    EXPECT_THAT(observed.look_for(60).findings, IsEmpty());
}

TEST(TypeHistory, stays_bounded_and_keeps_the_last_look) {
    TypeHistory history;
    GoHeap heap;
    ProcessReport process;
    for (int look = 1; look <= 1000; look++) {
        heap.fill(process, look);
        history.look(*process.types, look);
    }

    const auto counts = history.counts("*main.page");
    EXPECT_LE(counts.size(), TypeHistory::kMostLooks);
    EXPECT_EQ(counts.back().time_s, 1000);
    EXPECT_EQ(counts.back().value, 40'000);
    for (const Sample& one : counts) EXPECT_EQ(one.value, 40 * one.time_s);
    EXPECT_EQ(history.total_bytes().size(), counts.size());
    EXPECT_THAT(history.counts("*main.nothing"), IsEmpty());
}

}  // namespace
}  // namespace whoholds
