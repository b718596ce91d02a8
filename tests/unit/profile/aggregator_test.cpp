// The bookkeeping, fed plain records: whatever the order and the losses, acquired = released + held + lost.
#include "profile/aggregator.h"

#include <gtest/gtest.h>

#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

constexpr uint32_t kNoStackBase = 1000;
constexpr uint64_t kAddress = 0x5000;

Record acquire(uint64_t key, uint64_t size, uint64_t time_ns, uint32_t stack = 1) {
    Record record;
    record.type = RecordType::kAcquire;
    record.kind = WH_KIND_HEAP;
    record.key = key;
    record.size = size;
    record.time_ns = time_ns;
    record.stack = stack;
    return record;
}

Record release(uint64_t key, uint64_t time_ns, RecordType type = RecordType::kRelease) {
    Record record;
    record.type = type;
    record.kind = WH_KIND_HEAP;
    record.key = key;
    record.time_ns = time_ns;
    return record;
}

Record restore(uint64_t key, uint32_t tid, uint8_t kind = WH_KIND_HEAP) {
    Record record;
    record.type = RecordType::kRestore;
    record.kind = kind;
    record.key = key;
    record.tid = tid;
    return record;
}

Record range(RecordType type, uint64_t key, uint64_t size, uint64_t time_ns, uint32_t stack = 1,
             uint32_t call_flags = 0) {
    Record record;
    record.type = type;
    record.kind = WH_KIND_MAPPING;
    record.key = key;
    record.size = size;
    record.time_ns = time_ns;
    record.stack = stack;
    record.flags = call_flags << WH_FLAG_CALL_SHIFT;
    return record;
}

Record round_end() {
    Record record;
    record.type = RecordType::kRoundEnd;
    return record;
}

class AggregatorTest : public testing::Test {
protected:
    void feed(const std::vector<Record>& records) {
        for (const Record& record : records) aggregator_.on_record(record);
    }
    // The only kind there is, after checking the invariant for kinds and stacks.
    ProfileKind kind(uint64_t now_ns = 1'000'000) {
        Profile profile = aggregator_.make_profile(now_ns, {});
        for (const ProfileStack& stack : profile.stacks) {
            EXPECT_EQ(stack.acquired.count, stack.released.count + stack.held.count + stack.lost.count) << stack.stack;
            EXPECT_EQ(stack.acquired.bytes, stack.released.bytes + stack.held.bytes + stack.lost.bytes) << stack.stack;
        }
        EXPECT_EQ(profile.kinds.size(), 1u);
        return profile.kinds.empty() ? ProfileKind{} : profile.kinds[0];
    }
    ProfileStack stack(uint32_t index) {
        for (const ProfileStack& stack : aggregator_.make_profile(1'000'000, {}).stacks)
            if (stack.stack == index) return stack;
        return {};
    }

    Aggregator aggregator_{kNoStackBase};
};

TEST_F(AggregatorTest, counts_what_is_held_by_stack) {
    feed({acquire(kAddress, 100, 1, 1), acquire(kAddress + 1, 7, 2, 2), acquire(kAddress + 2, 7, 3, 2),
          release(kAddress + 1, 4)});

    EXPECT_EQ(kind().held, (Amount{2, 107}));
    EXPECT_EQ(stack(1).held, (Amount{1, 100}));
    EXPECT_EQ(stack(2).held, (Amount{1, 7}));
    EXPECT_EQ(stack(2).acquired, (Amount{2, 14}));
}

TEST_F(AggregatorTest, release_of_something_unknown_is_not_a_release_of_ours) {
    feed({release(kAddress, 1), acquire(kAddress, 10, 2)});

    EXPECT_EQ(kind().released, (Amount{0, 0}));
    EXPECT_EQ(kind().released_unknown, 1u);
}

TEST_F(AggregatorTest, T22_T23_acquire_of_a_held_address_proves_a_missed_release) {
    feed({acquire(kAddress, 100, 1, 1), acquire(kAddress, 50, 2, 2)});

    EXPECT_EQ(kind().held, (Amount{1, 50}));
    EXPECT_EQ(stack(1).released, (Amount{1, 100}));
    EXPECT_EQ(aggregator_.healed(), 1u);
}

TEST_F(AggregatorTest, T10_failed_realloc_puts_the_old_block_back) {
    Record tentative = release(kAddress, 2);
    tentative.tentative = true;
    tentative.tid = 7;
    feed({acquire(kAddress, 100, 1), tentative});
    EXPECT_EQ(kind().held, (Amount{0, 0}));

    feed({restore(kAddress, 7)});

    EXPECT_EQ(kind().held, (Amount{1, 100}));
    EXPECT_EQ(kind().released, (Amount{0, 0}));
    EXPECT_EQ(kind(1001).oldest_ns, 1u);  // still as old as it was
}

TEST_F(AggregatorTest, T10_restore_of_another_thread_does_nothing) {
    Record tentative = release(kAddress, 2);
    tentative.tentative = true;
    tentative.tid = 7;
    feed({acquire(kAddress, 100, 1), tentative, restore(kAddress, 8)});

    EXPECT_EQ(kind().held, (Amount{0, 0}));
}

TEST_F(AggregatorTest, T10_restore_of_an_unknown_block_takes_the_unknown_release_back) {
    Record tentative = release(kAddress, 2);
    tentative.tentative = true;
    feed({tentative, restore(kAddress, 0), acquire(kAddress + 1, 1, 5)});

    EXPECT_EQ(kind().released_unknown, 0u);
}

TEST_F(AggregatorTest, T9_late_release_is_applied_to_the_block_it_was_for) {
    // The release at 5 came through the backlog; meanwhile the address was given out again at 6.
    feed({acquire(kAddress, 100, 1, 1), round_end(), release(kAddress, 5, RecordType::kLateRelease),
          acquire(kAddress, 50, 6, 2), round_end()});

    EXPECT_EQ(kind().held, (Amount{1, 50}));
    EXPECT_EQ(aggregator_.healed(), 0u);  // no guess was needed
    EXPECT_EQ(kind().released_unknown, 0u);
}

TEST_F(AggregatorTest, T9_late_release_without_a_new_acquire_is_applied_at_the_end_of_the_round) {
    feed({acquire(kAddress, 100, 1), release(kAddress, 5, RecordType::kLateRelease), round_end()});

    EXPECT_EQ(kind().held, (Amount{0, 0}));
    EXPECT_EQ(kind().released, (Amount{1, 100}));
}

TEST_F(AggregatorTest, T9_late_release_never_takes_a_younger_block) {
    feed({acquire(kAddress, 50, 6), release(kAddress, 5, RecordType::kLateRelease), round_end()});

    EXPECT_EQ(kind().held, (Amount{1, 50}));
    EXPECT_EQ(kind().released_unknown, 1u);
}

TEST_F(AggregatorTest, T9_two_late_releases_of_one_address) {
    feed({acquire(kAddress, 1, 1), release(kAddress, 2, RecordType::kLateRelease),
          release(kAddress, 4, RecordType::kLateRelease), acquire(kAddress, 20, 3), round_end()});

    EXPECT_EQ(kind().held, (Amount{0, 0}));
    EXPECT_EQ(kind().released, (Amount{2, 21}));
}

TEST_F(AggregatorTest, kernel_counters_and_the_young_are_added) {
    Record counters;
    counters.type = RecordType::kStackCounters;
    counters.kind = WH_KIND_HEAP;
    counters.stack = 1;
    counters.died_count = 10;
    counters.died_bytes = 1000;
    counters.lost_count = 2;
    counters.lost_bytes = 20;
    Record begin;
    begin.type = RecordType::kYoungBegin;
    Record young = acquire(kAddress, 30, 9);
    young.type = RecordType::kYoung;
    feed({acquire(kAddress + 1, 5, 1), counters, begin, young, begin, young});

    EXPECT_EQ(kind().held, (Amount{2, 35}));
    EXPECT_EQ(kind().acquired, (Amount{14, 1055}));
    EXPECT_EQ(kind().released, (Amount{10, 1000}));
    EXPECT_EQ(kind().lost, (Amount{2, 20}));
}

// The release of the old block was missed: its address is that of a young one now.
TEST_F(AggregatorTest, T23_what_is_young_replaces_what_was_held_at_its_address) {
    Record begin;
    begin.type = RecordType::kYoungBegin;
    Record young = acquire(kAddress, 30, 9);
    young.type = RecordType::kYoung;
    feed({acquire(kAddress, 5, 1), begin, young});

    EXPECT_EQ(kind().held, (Amount{1, 30}));
    EXPECT_EQ(kind().acquired, (Amount{2, 35}));
    EXPECT_EQ(kind().released, (Amount{1, 5}));
    EXPECT_EQ(aggregator_.healed(), 1U);

    feed({begin, acquire(kAddress, 30, 9)});  // it travels
    EXPECT_EQ(kind().held, (Amount{1, 30}));
    EXPECT_EQ(kind().released, (Amount{1, 5}));
    EXPECT_EQ(aggregator_.healed(), 1U);
}

TEST_F(AggregatorTest, T20_what_has_no_stack_counts_in_the_totals) {
    feed({acquire(kAddress, 5, 1, kNoStackBase + 1)});

    EXPECT_EQ(kind().held, (Amount{1, 5}));
    EXPECT_EQ(aggregator_.find_stack(kNoStackBase + 1)->status, uint32_t{WH_STACK_NOT_KEPT});
}

TEST_F(AggregatorTest, T31_sizes_beyond_the_packed_bits_stay_exact) {
    const uint64_t huge = (1ull << 41) + 3;
    feed({acquire(kAddress, huge, 1), acquire(kAddress + 1, (1ull << 40) - 1, 2)});
    EXPECT_EQ(kind().held.bytes, huge + (1ull << 40) - 1);

    feed({release(kAddress, 3)});

    EXPECT_EQ(kind().held, (Amount{1, (1ull << 40) - 1}));
}

TEST_F(AggregatorTest, T27_nothing_is_held_after_the_end_of_a_process) {
    Record end;
    end.type = RecordType::kProcessEnd;
    feed({acquire(kAddress, 5, 1), range(RecordType::kAcquire, 0x10000, 0x3000, 2), end});

    Profile profile = aggregator_.make_profile(10, {});
    for (const ProfileKind& kind : profile.kinds) EXPECT_EQ(kind.held, (Amount{0, 0}));
    EXPECT_EQ(aggregator_.blocks_held(), 0u);
}

TEST_F(AggregatorTest, T26_the_same_address_in_two_processes_is_two_blocks) {
    Record other = acquire(kAddress, 7, 1, 2);
    other.process = 1;
    feed({acquire(kAddress, 5, 1, 1), other, release(kAddress, 2)});

    Profile profile = aggregator_.make_profile(10, {});
    ASSERT_EQ(profile.kinds.size(), 2u);
    EXPECT_EQ(profile.kinds[0].held, (Amount{0, 0}));
    EXPECT_EQ(profile.kinds[1].held, (Amount{1, 7}));
}

TEST_F(AggregatorTest, filter_applies_to_stacks_and_not_to_totals) {
    feed({acquire(kAddress, 5, 100), acquire(kAddress + 1, 500, 900)});

    Profile old = aggregator_.make_profile(1000, {.min_age_ns = 200, .min_size_bytes = 0});
    Profile big = aggregator_.make_profile(1000, {.min_age_ns = 0, .min_size_bytes = 6});

    EXPECT_EQ(old.stacks[0].held, (Amount{1, 5}));
    EXPECT_EQ(big.stacks[0].held, (Amount{1, 500}));
    EXPECT_EQ(old.kinds[0].held, (Amount{2, 505}));
}

TEST_F(AggregatorTest, median_and_oldest_age) {
    feed({acquire(1, 1, 100), acquire(2, 1, 600), acquire(3, 1, 700)});

    auto ages = aggregator_.ages_of({{1}, {2}}, 1000, {}, {.start_ns = 500, .width_ns = 150, .count = 3});

    EXPECT_EQ(ages[0].median_ns, 400u);
    EXPECT_EQ(ages[0].held_by_slice, (std::vector<uint64_t>{1, 1, 0}));
    EXPECT_FALSE(ages[1].median_ns);
    EXPECT_EQ(stack(1).oldest_ns, 100u);
}

TEST_F(AggregatorTest, T18_partial_munmap_at_both_ends_and_in_the_middle) {
    feed({range(RecordType::kAcquire, 0x10000, 0x5000, 1), range(RecordType::kRelease, 0x10000, 0x1000, 2),
          range(RecordType::kRelease, 0x14000, 0x1000, 3)});
    EXPECT_EQ(kind().held, (Amount{1, 0x3000}));

    feed({range(RecordType::kRelease, 0x12000, 0x1000, 4)});

    EXPECT_EQ(kind().held, (Amount{2, 0x2000}));  // two mappings are left of one
}

TEST_F(AggregatorTest, T18_munmap_over_several_mappings_and_beyond) {
    feed({range(RecordType::kAcquire, 0x10000, 0x2000, 1), range(RecordType::kAcquire, 0x12000, 0x2000, 2, 2),
          range(RecordType::kAcquire, 0x14000, 0x2000, 3, 3), range(RecordType::kRelease, 0x11000, 0x4000, 4)});

    EXPECT_EQ(kind().held, (Amount{2, 0x2000}));
    EXPECT_EQ(stack(2).held, (Amount{0, 0}));
    EXPECT_EQ(stack(1).held, (Amount{1, 0x1000}));
    EXPECT_EQ(stack(3).held, (Amount{1, 0x1000}));
}

TEST_F(AggregatorTest, T18_length_of_munmap_is_rounded_up_to_pages) {
    feed({range(RecordType::kAcquire, 0x10000, 0x2000, 1), range(RecordType::kRelease, 0x10000, 0x1001, 2)});

    EXPECT_EQ(kind().held, (Amount{0, 0}));
}

TEST_F(AggregatorTest, T18_map_fixed_replaces_what_is_there) {
    constexpr uint32_t kMapFixed = 0x10;
    feed({range(RecordType::kAcquire, 0x10000, 0x3000, 1, 1),
          range(RecordType::kAcquire, 0x11000, 0x1000, 2, 2, kMapFixed)});

    EXPECT_EQ(kind().held, (Amount{3, 0x3000}));
    EXPECT_EQ(stack(1).held, (Amount{2, 0x2000}));
    EXPECT_EQ(aggregator_.healed(), 0u);
}

TEST_F(AggregatorTest, T18_mapping_over_a_held_one_without_map_fixed_proves_a_missed_munmap) {
    feed({range(RecordType::kAcquire, 0x10000, 0x3000, 1, 1), range(RecordType::kAcquire, 0x10000, 0x3000, 2, 2)});

    EXPECT_EQ(kind().held, (Amount{1, 0x3000}));
    EXPECT_EQ(aggregator_.healed(), 1u);
}

TEST_F(AggregatorTest, T18_failed_munmap_in_the_middle_changes_nothing) {
    Record tentative = range(RecordType::kRelease, 0x11000, 0x1000, 2);
    tentative.tentative = true;
    feed({range(RecordType::kAcquire, 0x10000, 0x3000, 1), tentative, restore(0x11000, 0, WH_KIND_MAPPING)});

    EXPECT_EQ(kind().held, (Amount{1, 0x3000}));
    EXPECT_EQ(kind().acquired, (Amount{1, 0x3000}));
}

TEST_F(AggregatorTest, T18_failed_munmap_changes_nothing) {
    Record tentative = range(RecordType::kRelease, 0x10000, 0x3000, 2);
    tentative.tentative = true;
    feed({range(RecordType::kAcquire, 0x10000, 0x3000, 1), tentative, restore(0x10000, 0, WH_KIND_MAPPING)});

    EXPECT_EQ(kind().held, (Amount{1, 0x3000}));
    EXPECT_EQ(kind().released, (Amount{0, 0}));
}

}  // namespace
}  // namespace whoholds
