#include "analyze/same_stack.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

Frame frame_of(const std::string& function, int line, uint64_t address) {
    return {.function = function,
            .raw_function = function,
            .file = line > 0 ? "shop.cpp" : "",
            .line = line,
            .module = "/usr/bin/shop",
            .address = address,
            .module_address = address & 0xffff};
}

StackReport stack_of(uint64_t id, std::vector<Frame> frames, uint64_t bytes) {
    StackReport stack;
    stack.kind = "heap";
    stack.id = id;
    stack.held = {.count = 1, .bytes = bytes};
    stack.acquired = {.count = 3, .bytes = 3 * bytes};
    stack.released = {.count = 2, .bytes = 2 * bytes};
    stack.complete = true;
    stack.frames = std::move(frames);
    return stack;
}

TEST(SameStack, T33_stacks_that_differ_in_addresses_only_become_one_row) {
    const auto merged =
        merge_same_stacks({stack_of(9, {frame_of("sell", 7, 0x1000), frame_of("main", 20, 0x2000)}, 50),
                           stack_of(8, {frame_of("buy", 9, 0x1400), frame_of("main", 21, 0x2008)}, 40),
                           stack_of(7, {frame_of("sell", 7, 0x1080), frame_of("main", 20, 0x2010)}, 30)});

    ASSERT_EQ(merged.size(), 2U);
    EXPECT_EQ(merged[0].held, (Amount{.count = 2, .bytes = 80}));
    EXPECT_EQ(merged[0].acquired, (Amount{.count = 6, .bytes = 240}));
    EXPECT_EQ(merged[0].released, (Amount{.count = 4, .bytes = 160}));
    EXPECT_EQ(merged[0].id, 7U);
    EXPECT_EQ(merged[0].frames[0].address, 0x1000U);
    EXPECT_EQ(merged[1].id, 8U);
    EXPECT_EQ(merged[1].held.bytes, 40U);
}

TEST(SameStack, T33_what_reads_differently_stays_apart) {
    Frame other_file = frame_of("sell", 7, 0x1000);
    other_file.file = "market.cpp";
    Frame other_module = frame_of("sell", 7, 0x1000);
    other_module.module = "/usr/lib/libshop.so";
    Frame inlined = frame_of("sell", 7, 0x1000);
    inlined.inlined = true;
    const Frame plain = frame_of("sell", 7, 0x1000);

    const auto merged = merge_same_stacks({stack_of(1, {plain}, 1), stack_of(2, {frame_of("sell", 8, 0x1000)}, 1),
                                           stack_of(3, {other_file}, 1), stack_of(4, {other_module}, 1),
                                           stack_of(5, {inlined}, 1), stack_of(6, {frame_of("buy", 7, 0x1000)}, 1),
                                           stack_of(7, {plain, plain}, 1), stack_of(8, {}, 1), stack_of(9, {}, 1)});

    EXPECT_EQ(merged.size(), 9U);
}

TEST(SameStack, T33_frames_without_names_are_told_apart_by_their_place_in_the_module) {
    Frame loaded_again = frame_of("", 0, 0x51000);
    loaded_again.module_address = 0x1000;

    const auto merged = merge_same_stacks({stack_of(1, {frame_of("", 0, 0x1000)}, 1),
                                           stack_of(2, {frame_of("", 0, 0x1010)}, 1), stack_of(3, {loaded_again}, 1)});

    ASSERT_EQ(merged.size(), 2U);
    EXPECT_EQ(merged[0].held.count, 2U);
}

TEST(SameStack, T33_overloads_without_lines_stay_apart_though_their_short_names_are_equal) {
    Frame of_int = frame_of("sell", 0, 0x1000);
    of_int.raw_function = "_Z4selli";
    Frame of_long = frame_of("sell", 0, 0x1100);
    of_long.raw_function = "_Z4selll";
    Frame of_int_again = of_int;
    of_int_again.address += 0x20;

    EXPECT_NE(same_stack_key(std::vector{of_int}), same_stack_key(std::vector{of_long}));
    EXPECT_EQ(same_stack_key(std::vector{of_int}), same_stack_key(std::vector{of_int_again}));
}

TEST(SameStack, an_incomplete_stack_is_not_joined_with_a_complete_one) {
    StackReport cut = stack_of(2, {frame_of("sell", 7, 0x1000)}, 1);
    cut.complete = false;
    cut.why_incomplete = "deeper than 256 frames";
    StackReport other_kind = stack_of(3, {frame_of("sell", 7, 0x1000)}, 1);
    other_kind.kind = "mapping";
    StackReport older = stack_of(4, {frame_of("sell", 7, 0x1000)}, 1);
    older.before_attach = true;

    const auto merged = merge_same_stacks({stack_of(1, {frame_of("sell", 7, 0x1000)}, 1), cut, other_kind, older, cut});

    EXPECT_EQ(merged.size(), 4U);
    EXPECT_EQ(merged[1].held.count, 2U);
}

TEST(SameStack, ages_and_growth_are_joined_as_far_as_they_are_known) {
    StackReport first = stack_of(1, {frame_of("sell", 7, 0x1000)}, 1);
    first.oldest_s = 10;
    first.median_age_s = 4;
    first.growth_per_min = Rate{.count = 1, .bytes = 100};
    StackReport second = stack_of(2, {frame_of("sell", 7, 0x1010)}, 1);
    second.oldest_s = 30;
    second.median_age_s = 9;
    StackReport third = stack_of(3, {frame_of("sell", 7, 0x1020)}, 1);
    third.growth_per_min = Rate{.count = -2, .bytes = -50};

    const auto merged = merge_same_stacks({first, second, third});

    ASSERT_EQ(merged.size(), 1U);
    EXPECT_EQ(merged[0].oldest_s, 30.0);
    EXPECT_FALSE(merged[0].median_age_s);
    EXPECT_EQ(merged[0].growth_per_min->count, -1.0);
    EXPECT_EQ(merged[0].growth_per_min->bytes, 50.0);
}

}  // namespace
}  // namespace whoholds
