#include "analyze/js_heap_growth.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "unit/analyze/observed_process.h"

namespace whoholds {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Frame script(std::string function, int line) {
    Frame frame = frame_of(std::move(function), line, "[javascript]");
    frame.file = "/srv/app.js";
    frame.script = ScriptOrigin::kUser;
    return frame;
}

// What one line allocates on V8's heap, four samples a second from from_s to until_s, and how long it stays. Full collections look at it.
struct Line {
    uint64_t id = 0;
    std::vector<Frame> frames;
    double stays_s = 3600;
    double from_s = 0;
    double until_s = 3600;
    std::string kind = "js_heap";
    double a_second = 4;
    double garbage = 0;  // so many for each of these
    std::optional<KeeperReport> kept_at = {};
};

class JsHeap {
public:
    double collects_every_s = 14;
    double last_collection_s = 3600;
    double grows_a_second = 0;  // the process, by bytes
    bool is_counted = false;    // from outside, in place of collections
    bool tells_not_judged = false;
    uint64_t not_judged_elsewhere = 0;
    uint64_t sample_bytes = 1 << 18;

    void add(Line line) { lines_.push_back(std::move(line)); }

    std::vector<Finding> findings() { return look().findings; }
    ProcessReport look() {
        ObservedProcess observed;
        observed.also = [this](ProcessReport& process, double time_s) {
            process.memory.anon_bytes += static_cast<uint64_t>(time_s * grows_a_second);
            process.kinds.emplace_back().kind = "js_heap";
            if (is_counted) process.js_censuses = static_cast<uint64_t>(time_s / collects_every_s);
            process.js_census_s = std::max(static_cast<double>(process.js_censuses) - 1, 0.0) * collects_every_s;
            const double seen_s = std::min(std::floor(time_s / collects_every_s) * collects_every_s, last_collection_s);
            process.js_not_judged_elsewhere = not_judged_elsewhere;
            process.js_sample_bytes = sample_bytes;
            for (const Line& line : lines_) {
                if (time_s < line.from_s) continue;
                add_row(line, seen_s, time_s, process);
                const double not_judged_s = std::max(std::min(time_s, line.until_s) - seen_s, 0.0);
                if (tells_not_judged)
                    process.stacks.back().not_judged = static_cast<uint64_t>(not_judged_s * line.a_second);
            }
        };
        return observed.look_for(60);
    }

private:
    // An array buffer is there until a collection finds it dead, an object is not before one finds it alive.
    static void add_row(const Line& line, double seen_s, double time_s, ProcessReport& process) {
        const bool is_buffer = line.kind != "js_heap";
        StackReport stack;
        stack.kind = line.kind;
        stack.id = line.id;
        stack.frames = line.frames;
        stack.kept_at = line.kept_at;
        double held = 0;
        const double width_s = process.slice_ends_s.front();
        for (const double end_s : process.slice_ends_s) {
            const double from_s = std::max(end_s - width_s, line.from_s);
            const double until_s = std::min(end_s, line.until_s);
            const auto held_in = [&](double first_s, double last_s) {
                return std::max(std::min(until_s, last_s) - std::max(from_s, first_s), 0.0) * line.a_second;
            };
            double part = held_in(seen_s - line.stays_s, seen_s);
            if (is_buffer) part += held_in(seen_s, time_s);
            stack.held_by_slice.push_back(static_cast<uint64_t>(part));
            held += std::floor(part);
        }
        stack.held = {static_cast<uint64_t>(held), static_cast<uint64_t>(held) << 18};
        if (!is_buffer) stack.samples = stack.held.count;
        const double passed_s = std::clamp(time_s, line.from_s, line.until_s) - line.from_s;
        const auto acquired =
            std::max(static_cast<uint64_t>(passed_s * line.a_second * (1 + line.garbage)), stack.held.count);
        stack.acquired = {acquired, acquired << 18};
        stack.released = {acquired - stack.held.count, (acquired - stack.held.count) << 18};
        process.stacks.push_back(std::move(stack));
    }

    std::vector<Line> lines_;
};

TEST(JsHeapGrowth, what_full_collections_find_alive_from_all_ages_is_a_leak) {
    const auto findings_of = [](double stays_s) {
        JsHeap heap;
        heap.add({1, {script("render", 5), script("turn", 9)}, stays_s});
        return heap.findings();
    };

    ASSERT_THAT(findings_of(3600), SizeIs(1));
    EXPECT_EQ(findings_of(3600)[0].verdict, "leak");
    EXPECT_EQ(findings_of(3600)[0].line, 5);
    EXPECT_NEAR(findings_of(3600)[0].parts[0].growth_per_min.bytes, 60 << 20, 8 << 20);
    EXPECT_THAT(findings_of(20), IsEmpty());
    EXPECT_THAT(findings_of(5), IsEmpty());
}

// As where new space has few pages, and their first objects are always others.
TEST(JsHeapGrowth, what_was_not_sampled_at_first_is_no_proof_of_health_but_what_was_dropped_since_is) {
    JsHeap unseen;
    unseen.add({.id = 1, .frames = {script("render", 5), script("turn", 9)}, .from_s = 12});
    JsHeap dropped;
    dropped.add({.id = 1, .frames = {script("render", 5), script("turn", 9)}, .stays_s = 44});

    EXPECT_THAT(unseen.findings(), SizeIs(1));
    EXPECT_THAT(dropped.findings(), IsEmpty());
}

TEST(JsHeapGrowth, slices_with_few_samples_are_judged_together) {
    const auto findings_of = [](double a_second) {
        JsHeap heap;
        for (uint64_t i = 0; i < 5; ++i)  // of two slices of three
            heap.add({.id = 1 + i,
                      .frames = {script("render", 5), script("turn", 9)},
                      .from_s = 12.0 * static_cast<double>(i),
                      .until_s = 12.0 * static_cast<double>(i) + 8,
                      .a_second = a_second});
        return heap.findings();
    };

    EXPECT_THAT(findings_of(1.6), SizeIs(1)) << "4 a slice: by chance there may be none in some";
    EXPECT_THAT(findings_of(16), IsEmpty()) << "of a third of the slices nothing is left";
}

TEST(JsHeapGrowth, between_two_full_collections_it_is_what_the_last_one_said) {
    const auto findings_of = [](double every_s, double last_s) {
        JsHeap heap;
        heap.collects_every_s = every_s;
        heap.last_collection_s = last_s;
        heap.add({1, {script("render", 5), script("turn", 9)}});
        return heap.findings();
    };

    EXPECT_THAT(findings_of(9, 36), SizeIs(1));
    EXPECT_THAT(findings_of(8, 24), IsEmpty());
    ASSERT_THAT(findings_of(40, 40), SizeIs(1));
    EXPECT_EQ(findings_of(40, 40)[0].verdict, "growing");
}

TEST(JsHeapGrowth, a_line_that_V8_has_lost_after_optimizing_is_still_that_line) {
    JsHeap heap;
    heap.add({.id = 1, .frames = {script("render", 5), script("serve", 7), script("turn", 9)}, .until_s = 20});
    heap.add(
        {.id = 2, .frames = {script("render", 0), script("serve", 7), script("turn", 9)}, .from_s = 20, .until_s = 35});
    heap.add({.id = 3, .frames = {script("serve", 0), script("turn", 9)}, .from_s = 35});

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "render");
    EXPECT_EQ(findings[0].line, 5);
    EXPECT_THAT(findings[0].stack_ids, ::testing::UnorderedElementsAre(1, 2, 3));
}

TEST(JsHeapGrowth, the_line_behind_the_call_that_leaves_something_too_is_what_keeps_it) {
    const auto finding_of = [](int other_line, double stays_s) {
        JsHeap heap;
        heap.add({1, {script("parse", 5), script("handle", 20), script("turn", 9)}});
        heap.add({.id = 2,
                  .frames = {script("handle", other_line), script("turn", 9)},
                  .stays_s = stays_s,
                  .from_s = 8,
                  .until_s = 12,
                  .a_second = 0.5});
        const auto findings = heap.findings();
        return findings.empty() ? Finding() : findings[0];
    };

    const Finding kept = finding_of(21, 3600);
    EXPECT_EQ(kept.headline, "handle");
    EXPECT_EQ(kept.line, 21);
    EXPECT_THAT(kept.evidence, Contains(HasSubstr("made by parse (/srv/app.js:5)")));
    EXPECT_EQ(finding_of(19, 3600).line, 5);
    EXPECT_EQ(finding_of(21, 0).line, 5);
}

TEST(JsHeapGrowth, the_line_that_makes_the_function_that_keeps_it_is_the_one_to_look_at) {
    const auto line_of = [](const KeeperReport& keeper, ScriptOrigin origin = ScriptOrigin::kUser) {
        JsHeap heap;
        Frame handle = script("handle", 20);
        handle.script = origin;
        heap.add({.id = 1, .frames = {script("parse", 5), handle, script("turn", 9)}, .kept_at = keeper});
        const auto findings = heap.findings();
        return findings.empty() ? std::string("none") : findings[0].headline + " " + std::to_string(findings[0].line);
    };

    EXPECT_EQ(line_of({script("handle", 22), 9, 10, 9}), "handle 22");
    EXPECT_EQ(line_of({script("handle", 19), 5, 10, 5}), "handle 19") << "the line of the call says nothing";
    EXPECT_EQ(line_of({script("turn", 10), 9, 10, 3}), "turn 10");
    EXPECT_EQ(line_of({script("handle", 22), 4, 10, 4}), "parse 5") << "fewer than half";
    EXPECT_EQ(line_of({script("handle", 22), 9, 10, 2}), "parse 5") << "few";
    EXPECT_EQ(line_of({script("handle", 22), 60, 60, 7}), "parse 5") << "what holds all of them";
    EXPECT_EQ(line_of({script("parse", 6), 9, 10, 9}), "parse 5") << "made in the function that allocates";
    EXPECT_EQ(line_of({script("handle", 22), 9, 10, 9}, ScriptOrigin::kStandard), "parse 5") << "not the user's own";
}

TEST(JsHeapGrowth, what_is_kept_by_a_function_is_said) {
    JsHeap heap;
    heap.add({.id = 1,
              .frames = {script("parse", 5), script("handle", 20), script("turn", 9)},
              .kept_at = KeeperReport{script("handle", 22), 44, 45, 40}});

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_THAT(findings[0].evidence,
                Contains("most of it is made by parse (/srv/app.js:5), and kept by variables of functions that "
                         "are made at this line: 44 of 45 objects that were looked at"));
}

TEST(JsHeapGrowth, where_the_line_that_keeps_is_not_known_its_function_is_said) {
    JsHeap heap;
    heap.add({.id = 1,
              .frames = {script("parse", 5), script("handle", 20), script("turn", 9)},
              .a_second = 2,
              .garbage = 9});
    heap.add(
        {.id = 2, .frames = {script("handle", 0), script("turn", 9)}, .from_s = 8, .until_s = 16, .a_second = 0.5});

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "parse");
    EXPECT_THAT(findings[0].evidence, Contains(HasSubstr("handle, which calls it, keeps nearly all")));
}

TEST(JsHeapGrowth, what_no_sample_has_come_of_since_the_last_collection_has_ended) {
    // A cache that is full after 38 s; the last collection that found anything new was at 42 s.
    const auto finds = [](const std::function<void(JsHeap&, Line&)>& change) {
        JsHeap heap;
        heap.tells_not_judged = true;
        Line line{.id = 1, .frames = {script("render", 5), script("turn", 9)}, .until_s = 38, .a_second = 1};
        change(heap, line);
        heap.add(line);
        return !heap.findings().empty();
    };

    EXPECT_FALSE(finds([](JsHeap&, Line&) {}));
    EXPECT_TRUE(finds([](JsHeap&, Line& line) { line.until_s = 3600; })) << "it comes on";
    EXPECT_TRUE(finds([](JsHeap& heap, Line&) { heap.tells_not_judged = false; })) << "not known";
    EXPECT_TRUE(finds([](JsHeap& heap, Line&) { heap.not_judged_elsewhere = 10; })) << "it may be that";
    EXPECT_TRUE(finds([](JsHeap& heap, Line&) {
        heap.add({.id = 2, .frames = {script("turn", 0)}, .stays_s = 0, .a_second = 1});
    })) << "optimized code may hide it";
    EXPECT_TRUE(finds([](JsHeap& heap, Line&) {
        heap.add({.id = 2, .frames = {script("turn", 9)}, .stays_s = 0, .a_second = 1});
    })) << "it may have been inlined into its caller";
    EXPECT_FALSE(finds([](JsHeap& heap, Line&) {
        heap.add({.id = 2, .frames = {script("other", 7)}, .stays_s = 0, .a_second = 1});
    })) << "other lines are no sign of it";
    EXPECT_TRUE(finds([](JsHeap& heap, Line&) { heap.sample_bytes = 1 << 20; })) << "now each is for four";
    EXPECT_TRUE(finds([](JsHeap&, Line& line) { line.until_s = 50; })) << "a moment ago, at 56 s";
}

TEST(JsHeapGrowth, garbage_of_the_same_line_is_no_proof_of_its_health) {
    JsHeap heap;
    heap.add({1, {script("parse", 5), script("handle", 20), script("turn", 9)}});
    heap.add({2, {script("parse", 5), script("handle", 0), script("turn", 9)}, 0});

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "parse");
}

TEST(JsHeapGrowth, array_buffers_are_judged_by_what_full_collections_left_of_them) {
    const auto findings_of = [](double stays_s, double every_s) {
        JsHeap heap;
        heap.collects_every_s = every_s;
        const std::vector<Frame> frames = {frame_of("v8::internal::BackingStore::Allocate", 0), script("read", 5)};
        heap.add({.id = 1, .frames = frames, .stays_s = stays_s, .kind = "heap"});
        heap.add({.id = 2, .frames = {script("turn", 9)}, .from_s = 16, .a_second = 0.25});  // too few to tell
        return heap.findings();
    };

    ASSERT_THAT(findings_of(3600, 14), SizeIs(1));
    EXPECT_EQ(findings_of(3600, 14)[0].headline, "read");
    EXPECT_THAT(findings_of(20, 14), IsEmpty());
    EXPECT_THAT(findings_of(0, 14), IsEmpty());
    EXPECT_THAT(findings_of(3600, 90), IsEmpty()) << "no collection has looked: all of it may be garbage";
}

TEST(JsHeapGrowth, array_buffers_of_which_no_more_come_do_not_grow_though_V8_has_not_looked_since) {
    const auto findings_of = [](double until_s, bool is_optimized = false) {
        JsHeap heap;
        heap.last_collection_s = 42;
        heap.add({.id = 1,
                  .frames = {frame_of("v8::internal::BackingStore::Allocate", 0), script("takeBuffer", 13)},
                  .until_s = until_s,
                  .kind = "heap"});
        heap.add({.id = 2, .frames = {script("turn", 9)}, .from_s = 16, .a_second = 0.25});  // too few to tell
        if (is_optimized)
            heap.add({.id = 3,
                      .frames = {frame_of("v8::internal::BackingStore::Allocate", 0), script("turn", 0)},
                      .from_s = until_s,
                      .kind = "heap"});
        return heap.findings();
    };

    EXPECT_THAT(findings_of(3600), SizeIs(1));
    EXPECT_THAT(findings_of(36), IsEmpty());
    EXPECT_THAT(findings_of(36, true), SizeIs(1)) << "they come on, by code of which V8 has lost the lines";
}

TEST(JsHeapGrowth, array_buffers_are_judged_by_censuses_where_nothing_else_tells) {
    const auto findings_of = [](double stays_s, bool is_counted) {
        JsHeap heap;
        heap.collects_every_s = 10;
        heap.is_counted = is_counted;
        heap.add({.id = 1,
                  .frames = {frame_of("v8::internal::BackingStore::Allocate", 0), script("read", 5)},
                  .stays_s = stays_s,
                  .kind = "heap"});
        return heap.findings();
    };

    ASSERT_THAT(findings_of(3600, true), SizeIs(1));
    EXPECT_EQ(findings_of(3600, true)[0].headline, "read");
    EXPECT_THAT(findings_of(20, true), IsEmpty());
    EXPECT_THAT(findings_of(3600, false), IsEmpty());
}

TEST(JsHeapGrowth, garbage_of_the_same_line_is_no_proof_of_its_health_for_buffers_either) {
    JsHeap heap;
    const Frame native = frame_of("v8::internal::BackingStore::Allocate", 0);
    heap.is_counted = true;
    heap.add({.id = 1, .frames = {native, script("read", 5), script("receive", 8), script("turn", 9)}, .kind = "heap"});
    heap.add({.id = 2,
              .frames = {native, script("read", 5), script("receive", 8), script("turn", 0)},
              .stays_s = 0,
              .kind = "heap"});

    const auto findings = heap.findings();

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "read");
}

TEST(JsHeapGrowth, a_row_that_is_new_tells_nothing_of_what_was_before) {
    JsHeap heap;
    const Frame native = frame_of("v8::internal::BackingStore::Allocate", 0);
    heap.is_counted = true;
    heap.collects_every_s = 17;
    heap.add({.id = 1, .frames = {native, script("read", 5), script("turn", 9)}, .kind = "heap"});
    heap.add({.id = 2, .frames = {native, script("read", 5), script("turn", 0)}, .from_s = 58, .kind = "heap"});

    EXPECT_THAT(heap.findings(), SizeIs(1));
}

TEST(JsHeapGrowth, where_V8_has_not_looked_that_is_why_there_is_no_verdict) {
    const auto why_of = [](double last_collection_s, double grows_a_second) {
        JsHeap heap;
        heap.last_collection_s = last_collection_s;
        heap.grows_a_second = grows_a_second;
        heap.add({.id = 1, .frames = {script("render", 5), script("turn", 9)}, .stays_s = 20});
        heap.add({.id = 2, .frames = {script("turn", 9)}, .from_s = 16, .a_second = 0.25});  // too few to tell
        return heap.look().why_no_verdict;
    };

    EXPECT_THAT(why_of(14, 1e6), HasSubstr("no full collection"));
    EXPECT_EQ(why_of(14, 0), "");
    EXPECT_EQ(why_of(3600, 1e6), "");
}

}  // namespace
}  // namespace whoholds
