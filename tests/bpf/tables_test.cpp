// Bounded tables: what happens when they are full, and that every loss is counted.
#include <sys/wait.h>
#include <unistd.h>

#include "probed_self.h"

namespace whoholds {
namespace {

constexpr uint64_t kBase = 0x7000'0000'0000;

void acquire_many(uint64_t count, uint64_t size) {
    for (uint64_t i = 0; i < count; i++) {
        fake::next_result = kBase + 16 * i;
        fake::acquire(size);
    }
}

void release_many(uint64_t count) {
    for (uint64_t i = 0; i < count; i++) fake::release(kBase + 16 * i);
}

class TablesTest : public ProbedSelfSized {
protected:
    void SetUp() override {
        ProbedSelfSized::SetUp();
        if (!IsSkipped()) start({.young_slots = 8, .ring_bytes = 4096, .backlog_bytes = 4096, .max_stacks = 16});
    }
};

TEST_F(TablesTest, T21_full_young_table_spills_and_keeps_the_old) {
    acquire_many(8 + 20, 10);  // the ring holds some 80

    EXPECT_EQ(kind(WH_KIND_HEAP).held, (Amount{28, 280}));
    if (has_young()) {
        EXPECT_GE(counter(WH_COUNTER_SPILLED), 20u);
    }
    EXPECT_EQ(counter(WH_COUNTER_ACQUIRE_LOST), 0u);
}

TEST_F(TablesTest, T21_T22_lost_acquires_are_counted_by_stack) {
    acquire_many(1000, 10);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.acquired, (Amount{1000, 10000}));
    EXPECT_EQ(heap.held.count + heap.lost.count, 1000u);
    EXPECT_GT(heap.lost.count, 0u);
    EXPECT_EQ(heap.lost.count, counter(WH_COUNTER_ACQUIRE_LOST));
}

TEST_F(TablesTest, T22_releases_that_find_the_ring_full_go_to_the_backlog) {
    for (int i = 0; i < 8; i++) {  // 120 blocks in user space, none in the young table
        for (uint64_t j = 0; j < 15; j++) {
            fake::next_result = kBase + 16 * (15 * static_cast<uint64_t>(i) + j);
            fake::acquire(10);
        }
        round(0);
    }
    ASSERT_EQ(aggregator_->blocks_held(), 120u);
    release_many(120);  // more than the ring holds, fewer than ring and backlog

    EXPECT_EQ(kind(WH_KIND_HEAP).held, (Amount{0, 0}));
    EXPECT_GT(counter(WH_COUNTER_BACKLOG), 0u);
    EXPECT_EQ(counter(WH_COUNTER_RELEASE_LOST), 0u);
}

TEST_F(TablesTest, T22_lost_releases_are_counted_and_heal_when_the_address_comes_back) {
    for (uint64_t i = 0; i < 300; i++) {
        fake::next_result = kBase + 16 * i;
        fake::acquire(10);
        round(0);
    }
    release_many(300);
    uint64_t lost = counter(WH_COUNTER_RELEASE_LOST);
    ASSERT_GT(lost, 0u);
    round(0);
    EXPECT_EQ(aggregator_->blocks_held(), lost);
    for (uint64_t i = 0; i < 300; i++) {
        fake::next_result = kBase + 16 * i;
        fake::acquire(10);
        round(0);
    }

    EXPECT_EQ(kind(WH_KIND_HEAP).held, (Amount{300, 3000}));
    EXPECT_EQ(aggregator_->healed(), lost);
}

template <int N>
[[gnu::noinline]] uint64_t acquire_at() {
    uint64_t result = fake::acquire(10);
    asm volatile("" ::: "memory");
    return result + N;
}

template <int... N>
void acquire_at_all(std::integer_sequence<int, N...>) {
    ((fake::next_result = kBase + 16 * N, acquire_at<N>()), ...);
}

TEST_F(TablesTest, T20_full_table_of_stacks_counts_under_no_stack) {
    for (int round_number = 0; round_number < 3; round_number++) {
        acquire_at_all(std::make_integer_sequence<int, 40>());
        round(0);
        release_many(40);
        round(0);
    }

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.acquired.count, 120u);
    EXPECT_GT(counter(WH_COUNTER_STACK_TABLE_FULL), 0u);
    EXPECT_EQ(heap.held, (Amount{0, 0}));
}

class BigTableTest : public ProbedSelf {};

TEST_F(BigTableTest, T9_order_holds_while_another_process_churns_and_we_sweep) {
    // The tables are shared by all CPUs; a child has its own address space, so its hits are refused, but its breakpoints fire.
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 20000; i++) fake::acquire(1);
        _exit(0);
    }
    for (uint64_t i = 0; i < 20000; i++) {
        fake::next_result = kBase + 16 * (i % 64);
        fake::acquire(i % 1000 + 1);
        if (i % 128 == 0) round(0);
        fake::release(kBase + 16 * (i % 64));
    }
    ASSERT_EQ(waitpid(child, nullptr, 0), child);

    ProfileKind heap = kind(WH_KIND_HEAP);

    EXPECT_EQ(heap.held, (Amount{0, 0}));
    EXPECT_EQ(heap.acquired.count, 20000u);
    EXPECT_EQ(heap.released_unknown, 0u);
    EXPECT_EQ(counter(WH_COUNTER_HEALED) + aggregator_->healed(), 0u);
}

}  // namespace
}  // namespace whoholds
