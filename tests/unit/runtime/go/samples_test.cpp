// Which samples count as held, and what they stand for.
#include "runtime/go/samples.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "runtime/go/sample_reader.h"

namespace whoholds {
namespace {

GoSample sample(uint64_t object, uint32_t generation, uint32_t stack = 1) {
    return {
        .span = object + 1, .object = object, .bytes = 48, .generation = generation, .stack = stack, .time_ns = object};
}

void judge(GoSampleBook& book, uint32_t generation, GoVerdict verdict) {
    const std::vector<GoSample> due = book.due(generation);
    const std::vector<GoVerdict> verdicts(due.size(), verdict);
    book.judge(generation, due, verdicts);
}

void weigh_all(GoSampleBook& book) {
    GoSampleBytes weights;
    for (const auto& [size, samples] : book.unweighed(UINT64_MAX)) weights[size] = 1;
    book.weigh(UINT64_MAX, weights);
}

GoSampledStack only_stack(GoSampleBook& book) {
    weigh_all(book);
    const GoSampleSummary summary = book.summarize();
    EXPECT_EQ(summary.stacks.size(), 1u);
    return summary.stacks.empty() ? GoSampledStack() : summary.stacks.front();
}

TEST(GoSampleBook, holds_what_a_later_collection_has_marked) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    book.add(sample(0x2000, 12));

    EXPECT_TRUE(book.due(10).empty());
    judge(book, 12, GoVerdict::kAlive);

    const GoSampledStack stack = only_stack(book);
    EXPECT_EQ(stack.seen.count, 2);
    EXPECT_EQ(stack.alive.count, 1);
    EXPECT_EQ(stack.alive.bytes, 48);
    EXPECT_EQ(stack.waiting.count, 1);
    EXPECT_EQ(stack.oldest_ns, 0x1000u);
}

TEST(GoSampleBook, forgets_what_is_dead_or_was_given_out_again) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    book.add(sample(0x2000, 10));
    judge(book, 12, GoVerdict::kAlive);

    book.add({.span = 7, .object = 0x2000, .bytes = 48, .generation = 12, .stack = 1, .time_ns = 5});
    EXPECT_EQ(only_stack(book).alive.count, 1);
    judge(book, 14, GoVerdict::kDead);

    EXPECT_EQ(only_stack(book).alive.count, 0);
    EXPECT_EQ(only_stack(book).waiting.count, 0);
    EXPECT_EQ(only_stack(book).seen.count, 3);
}

TEST(GoSampleBook, looks_again_at_what_is_not_swept) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));

    judge(book, 12, GoVerdict::kLater);
    EXPECT_FALSE(book.is_settled(12));
    EXPECT_EQ(only_stack(book).waiting.count, 1);
    judge(book, 12, GoVerdict::kAlive);

    EXPECT_TRUE(book.is_settled(12));
    EXPECT_EQ(only_stack(book).alive.count, 1);
}

TEST(GoSampleBook, T39_drops_or_doubts_what_was_not_looked_at_after_each_collection) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    judge(book, 12, GoVerdict::kAlive);
    book.add(sample(0x2000, 12));
    weigh_all(book);

    judge(book, 18, GoVerdict::kAlive);

    const GoSampleSummary summary = book.summarize();
    EXPECT_EQ(summary.dropped, 1u);
    EXPECT_EQ(summary.missed_collections, 2u);
    EXPECT_EQ(summary.in_doubt, 1u);
    EXPECT_EQ(summary.stacks.at(0).alive.count, 1);
    EXPECT_EQ(summary.stacks.at(0).seen.count, 1) << "as if it had never been taken";
}

TEST(GoSampleBook, large_objects_are_told_apart_without_each_collection_unless_there_was_a_gap) {
    GoSample one = sample(0x10000, 10);
    one.is_large = true;
    GoSampleBook book;
    book.add(one);
    judge(book, 16, GoVerdict::kAlive);
    EXPECT_EQ(only_stack(book).alive.count, 1);
    EXPECT_EQ(book.summarize().in_doubt, 0u);

    book.note_gap(one.time_ns + 1);
    judge(book, 22, GoVerdict::kAlive);

    EXPECT_EQ(book.summarize().in_doubt, 1u);
}

TEST(GoSampleBook, a_sample_that_comes_late_is_judged_in_the_same_generation) {
    GoSampleBook book;
    judge(book, 12, GoVerdict::kAlive);
    ASSERT_TRUE(book.is_settled(12));

    book.add(sample(0x1000, 10));
    EXPECT_FALSE(book.is_settled(12));
    judge(book, 12, GoVerdict::kAlive);

    EXPECT_EQ(only_stack(book).alive.count, 1);
    EXPECT_EQ(book.summarize().dropped, 0u);
}

TEST(GoSampleBook, keeps_a_bounded_number_that_stands_for_all) {
    constexpr uint64_t kSamples = 100'000;
    GoSampleBook book(1000);
    for (uint64_t i = 1; i <= kSamples; ++i) book.add(sample(i * 8192, 10));
    weigh_all(book);
    judge(book, 12, GoVerdict::kAlive);

    const GoSampleSummary summary = book.summarize();
    EXPECT_LE(summary.kept, 1000u);
    EXPECT_GT(summary.kept, 400u);
    EXPECT_EQ(summary.taken, kSamples);
    EXPECT_EQ(summary.stacks.at(0).seen.count, kSamples);
    EXPECT_NEAR(summary.stacks.at(0).alive.count, kSamples, kSamples * 0.15);
}

TEST(GoSampleBook, a_sample_stands_for_what_it_was_weighed_with) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    book.add(sample(0x2000, 10));
    book.add(sample(0x9000, 10));
    EXPECT_EQ(book.unweighed(0x2000).at({48, false}).bytes, 96);
    EXPECT_EQ(book.unweighed(0x2000).at({48, false}).count, 2u);
    EXPECT_EQ(book.unweighed(0x2000).at({48, false}).oldest_ns, 0x1000u);

    book.weigh(0x2000, {{{48, false}, 5}});
    judge(book, 12, GoVerdict::kAlive);

    EXPECT_EQ(book.summarize().stacks.at(0).alive.count, 10) << "the third one is not weighed yet";
    book.weigh(0x9000, {{{48, false}, 2}});
    EXPECT_EQ(book.summarize().stacks.at(0).alive.count, 12);
    EXPECT_EQ(book.summarize().stacks.at(0).seen.bytes, 12 * 48);
}

TEST(GoSampleBook, a_survivor_of_one_collection_stands_for_its_span_alone) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    book.weigh(0x2000, {{{48, false}, 1000}});

    judge(book, 12, GoVerdict::kAlive);
    EXPECT_EQ(book.summarize().stacks.at(0).alive.count, 8192 / 48);
    EXPECT_EQ(book.summarize().stacks.at(0).waiting.count, 1000 - 8192 / 48);
    judge(book, 14, GoVerdict::kAlive);

    EXPECT_EQ(book.summarize().stacks.at(0).alive.count, 1000);
    EXPECT_EQ(book.summarize().stacks.at(0).waiting.count, 0);
}

TEST(GoSampleBook, counts_what_was_allocated_also_where_the_place_was_given_out_again_before_it_was_weighed) {
    GoSampleBook book;
    book.add(sample(0x1000, 10));
    book.add({.span = 7, .object = 0x1000, .bytes = 48, .generation = 10, .stack = 1, .time_ns = 0x2000});

    book.weigh(0x2000, {{{48, false}, 3}});

    EXPECT_EQ(book.summarize().stacks.at(0).seen.count, 6);
    EXPECT_EQ(book.summarize().stacks.at(0).waiting.count, 3);
}

TEST(GoSampleBook, generations_may_wrap_around) {
    constexpr uint32_t kLast = std::numeric_limits<uint32_t>::max() - 1;
    GoSampleBook book;
    book.add(sample(0x1000, kLast));

    EXPECT_TRUE(book.due(kLast).empty());
    judge(book, 0, GoVerdict::kAlive);

    EXPECT_EQ(only_stack(book).alive.count, 1);
    EXPECT_EQ(book.summarize().dropped, 0u);
}

GoSpan span_of(uint64_t start, uint32_t generation) {
    return {.address = 1,
            .start = start,
            .page_count = 1,
            .element_bytes = 48,
            .sweep_generation = generation,
            .element_count = 170,
            .span_class = 10};
}

TEST(GoSampleVerdict, is_that_of_a_swept_span) {
    const GoSample one = sample(0x2000, 10);

    EXPECT_EQ(verdict_of(one, span_of(0x2000, 12), 12, true), GoVerdict::kAlive);
    EXPECT_EQ(verdict_of(one, span_of(0x2000, 15), 12, true), GoVerdict::kAlive) << "cached";
    EXPECT_EQ(verdict_of(one, span_of(0x2000, 12), 12, false), GoVerdict::kDead);
    EXPECT_EQ(verdict_of(one, span_of(0x2000, 10), 12, true), GoVerdict::kLater);
    EXPECT_EQ(verdict_of(one, span_of(0x2000, 13), 12, true), GoVerdict::kLater);
    EXPECT_EQ(verdict_of(one, span_of(0x4000, 12), 12, true), GoVerdict::kDead) << "other pages";
    EXPECT_EQ(verdict_of(one, GoSpan{}, 12, true), GoVerdict::kDead) << "given back";
}

TEST(GoSampleVerdict, takes_any_span_and_any_sample) {
    std::mt19937_64 random(1);
    const auto any = [&]() -> uint64_t {
        const uint64_t extremes[] = {0, 1, 8192, UINT64_MAX, UINT64_MAX - 8191, uint64_t{1} << 47};
        return random() % 2 == 0 ? extremes[random() % std::size(extremes)] : random();
    };
    GoSampleBook book(64);

    for (int i = 0; i < 100'000; ++i) {
        GoSample one{.span = any(), .object = any(), .bytes = any()};
        one.is_large = random() % 2 == 0;
        one.has_pointers = random() % 2 == 0;
        one.generation = static_cast<uint32_t>(any());
        one.stack = static_cast<uint32_t>(any());
        GoSpan span{.start = any(), .page_count = any(), .element_bytes = any(), .alloc_bits = any()};
        span.sweep_generation = static_cast<uint32_t>(any());
        span.element_count = static_cast<uint16_t>(any());
        const auto generation = static_cast<uint32_t>(any());
        book.add(one);
        const GoVerdict verdict = verdict_of(one, span, generation, random() % 2 == 0);
        book.judge(generation, std::span(&one, 1), std::span(&verdict, 1));
    }

    EXPECT_LE(book.summarize().kept, 64u);
}

}  // namespace
}  // namespace whoholds
