#include "analyze/thread_items.h"

#include <gtest/gtest.h>

#include "unit/analyze/held_samples.h"

namespace whoholds {
namespace {

HeldThread held_thread() {
    HeldThread held;
    held.seen.tid = 90'320;
    held.seen.our_tid = 4'720;
    held.seen.start_time_ns = 100 * kSecond;
    held.seen.cpu_ns = 1'500'000'000;
    held.time_ns = 10 * kSecond;
    return held;
}

TEST(ThreadItems, say_what_a_thread_does) {
    const ThreadDetails details{"worker-3", 'S', "futex_wait_queue", 1.4};

    const ItemReport item = describe_thread(held_thread(), details, {70 * kSecond, 0, "shop::Worker::run", 8'192});

    EXPECT_EQ(item.key, 4'720U);
    EXPECT_TRUE(item.is_thread);
    EXPECT_FALSE(item.is_descriptor);
    EXPECT_EQ(item.type, "thread");
    EXPECT_EQ(item.name, "worker-3");
    EXPECT_EQ(item.state, "sleeping");
    EXPECT_EQ(item.wait_channel, "futex_wait_queue");
    EXPECT_EQ(item.age_s, 60.0);
    EXPECT_EQ(item.cpu_s, 1.5);
    EXPECT_EQ(item.start_routine, "shop::Worker::run");
    EXPECT_EQ(item.size_bytes, 8'192U);
}

TEST(ThreadItems, every_state_has_a_word) {
    EXPECT_EQ(thread_state('R'), "running");
    EXPECT_EQ(thread_state('S'), "sleeping");
    EXPECT_EQ(thread_state('D'), "uninterruptible");
    EXPECT_EQ(thread_state('T'), "stopped");
    EXPECT_EQ(thread_state('t'), "stopped by a debugger");
    EXPECT_EQ(thread_state('Z'), "zombie");
    EXPECT_EQ(thread_state('X'), "dead");
    EXPECT_EQ(thread_state('I'), "idle");
    EXPECT_EQ(thread_state('?'), "");
}

TEST(ThreadItems, what_is_not_known_is_left_out) {
    HeldThread held = held_thread();
    held.seen.our_tid = 0;
    held.seen.cpu_ns = 0;

    const ItemReport item = describe_thread(held, {.wait_channel = "0"}, {});

    EXPECT_EQ(item.key, 90'320U);
    EXPECT_EQ(item.name + item.state + item.wait_channel + item.start_routine, "");
    EXPECT_EQ(item.cpu_s, std::nullopt);
    EXPECT_EQ(item.size_bytes, std::nullopt);
    EXPECT_EQ(item.age_s, 0.0);
}

TEST(ThreadItems, before_attach_has_the_age_that_the_kernel_knows) {
    HeldThread held = held_thread();
    held.before_attach = true;

    EXPECT_EQ(describe_thread(held, {}, {70 * kSecond, 0, "", {}}).age_s, std::nullopt);
    EXPECT_EQ(describe_thread(held, {}, {70 * kSecond, 500 * kSecond, "", {}}).age_s, 400.0);
}

TEST(ThreadItems, a_finished_thread_that_nobody_joined_is_called_so) {
    const ItemReport item = describe_joinable({0x7f00, 10 * kSecond, 4'721, true, 8'192}, 70 * kSecond);

    EXPECT_EQ(item.key, 0x7f00U);
    EXPECT_FALSE(item.is_thread);
    EXPECT_EQ(item.state, "finished, never joined");
    EXPECT_EQ(item.name, "thread 4721");
    EXPECT_EQ(item.age_s, 60.0);
    EXPECT_EQ(item.size_bytes, 8'192U);
    EXPECT_EQ(describe_joinable({0x7f00, 0, 0, false, {}}, 1).state, "not ended yet");
}

TEST(ThreadItems, a_handle_of_a_pair_is_its_address) {
    const ItemReport item = describe_handle(0x55d0, 10 * kSecond, 13 * kSecond);

    EXPECT_EQ(item.key, 0x55d0U);
    EXPECT_EQ(item.age_s, 3.0);
    EXPECT_EQ(item.state, "");
}

}  // namespace
}  // namespace whoholds
