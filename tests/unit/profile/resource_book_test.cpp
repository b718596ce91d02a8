#include "profile/resource_book.h"

#include <gtest/gtest.h>

#include "bpf/shared/resource_kinds.h"
#include "profile/aggregator.h"

namespace whoholds {
namespace {

constexpr uint16_t kSlot = 3;
constexpr uint32_t kNoStackBase = 10'000;

class ResourceBookTest : public ::testing::Test {
protected:
    Record acquired(uint64_t fd, uint64_t file, uint64_t time_ns, uint32_t stack = 1, uint32_t flags = 0) {
        Record record;
        record.type = RecordType::kAcquire;
        record.kind = WH_KIND_FD;
        record.process = kSlot;
        record.key = fd;
        record.size = file;
        record.time_ns = time_ns;
        record.stack = stack;
        record.flags = flags;
        return record;
    }
    Record released(uint64_t fd, uint64_t time_ns) {
        Record record = acquired(fd, 0, time_ns);
        record.type = RecordType::kRelease;
        return record;
    }
    void feed(std::initializer_list<Record> records) {
        for (const Record& record : records) book_.on_record(record, aggregator_);
    }
    static SeenResource seen(uint64_t fd, uint64_t file, uint64_t seen_ns, uint8_t kind = WH_KIND_FD) {
        return {.key = fd, .identity = file, .seen_ns = seen_ns, .kind = kind};
    }
    size_t compare(uint64_t start_ns, std::vector<SeenResource> table, Origin origin = Origin::kUnseen) {
        return book_.compare(kSlot, {start_ns, std::move(table)}, origin, aggregator_);
    }
    ProfileKind kind(uint8_t wanted = WH_KIND_FD) {
        for (const ProfileKind& row : aggregator_.make_profile(1'000'000, {}).kinds)
            if (row.process == kSlot && row.kind == wanted) return row;
        return {};
    }
    void expect_invariant() {
        const ProfileKind row = kind();
        EXPECT_EQ(row.acquired.count + row.before.count, row.released.count + row.held.count + row.lost.count);
    }

    Aggregator aggregator_{kNoStackBase};
    ResourceBook book_{true};
};

TEST_F(ResourceBookTest, what_is_opened_and_closed_is_counted) {
    feed({acquired(3, 100, 10), acquired(4, 101, 20), released(3, 30)});

    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().acquired.count, 2u);
    EXPECT_EQ(kind().released.count, 1u);
    ASSERT_NE(book_.find(kSlot, 4), nullptr);
    EXPECT_EQ(book_.find(kSlot, 4)->stack, 1u);
}

TEST_F(ResourceBookTest, what_was_there_before_is_counted_apart) {
    compare(5, {seen(0, 90, 6), seen(1, 91, 6), seen(2, 92, 6, WH_KIND_SOCKET)}, Origin::kBeforeAttach);
    feed({acquired(3, 100, 10), released(1, 20)});

    EXPECT_EQ(kind().before.count, 2u);
    EXPECT_EQ(kind().acquired.count, 1u);
    EXPECT_EQ(kind().released.count, 1u);
    EXPECT_EQ(kind().held.count, 2u);
    EXPECT_EQ(kind(WH_KIND_SOCKET).before.count, 1u);
    expect_invariant();
}

TEST_F(ResourceBookTest, a_table_that_agrees_changes_nothing) {
    feed({acquired(3, 100, 10)});

    EXPECT_EQ(compare(20, {seen(3, 100, 21)}), 0u);

    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().acquired.count, 1u);
}

// The table changes a moment before the event is sent.
TEST_F(ResourceBookTest, an_open_that_is_reported_after_the_table_was_read_is_no_difference) {
    EXPECT_EQ(compare(20, {seen(3, 100, 21)}), 1u);
    feed({acquired(3, 100, 22, 7)});
    EXPECT_EQ(compare(30, {seen(3, 100, 31)}), 0u);

    EXPECT_EQ(kind().acquired.count, 1u);
    EXPECT_EQ(book_.find(kSlot, 3)->origin, Origin::kSeen);
    EXPECT_EQ(book_.find(kSlot, 3)->stack, 7u);
}

TEST_F(ResourceBookTest, a_close_that_is_reported_after_the_table_was_read_is_no_difference) {
    feed({acquired(3, 100, 10)});

    EXPECT_EQ(compare(20, {}), 1u);
    feed({released(3, 21)});
    EXPECT_EQ(compare(30, {}), 0u);

    EXPECT_EQ(kind().released.count, 1u);
    expect_invariant();
}

TEST_F(ResourceBookTest, T37_a_descriptor_that_came_by_an_untraced_way_is_found) {
    EXPECT_EQ(compare(20, {seen(9, 100, 21, WH_KIND_SOCKET)}), 1u);
    EXPECT_EQ(compare(30, {seen(9, 100, 31, WH_KIND_SOCKET)}), 0u);

    const ProfileKind row = kind(WH_KIND_SOCKET);
    EXPECT_EQ(row.held.count, 1u);
    EXPECT_EQ(row.acquired.count, 1u);
    EXPECT_EQ(book_.find(kSlot, 9)->origin, Origin::kUnseen);
    const StackInfo* info = aggregator_.find_stack(aggregator_.origin_row(kSlot, WH_KIND_SOCKET, Origin::kUnseen));
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->status, static_cast<uint32_t>(WH_STACK_UNSEEN));
}

TEST_F(ResourceBookTest, T37_a_descriptor_that_went_by_an_untraced_way_is_given_up) {
    feed({acquired(3, 100, 10)});

    EXPECT_EQ(compare(20, {}), 1u);
    EXPECT_EQ(compare(30, {}), 0u);

    EXPECT_EQ(kind().held.count, 0u);
    EXPECT_EQ(kind().released.count, 1u);
}

TEST_F(ResourceBookTest, T37_another_file_under_the_same_number_belongs_to_nobody_we_know) {
    feed({acquired(3, 100, 10)});

    EXPECT_EQ(compare(20, {seen(3, 200, 21)}), 1u);
    EXPECT_EQ(compare(30, {seen(3, 200, 31)}), 0u);

    EXPECT_EQ(book_.find(kSlot, 3)->origin, Origin::kUnseen);
    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().acquired.count, 2u);
    EXPECT_EQ(kind().released.count, 1u);
}

TEST_F(ResourceBookTest, an_acquire_that_comes_after_its_discovery_takes_its_place) {
    compare(20, {seen(3, 100, 21)});
    compare(30, {seen(3, 100, 31)});
    feed({acquired(3, 100, 22, 7)});

    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().acquired.count, 1u);
    EXPECT_EQ(kind().released.count, 0u);
    EXPECT_EQ(book_.find(kSlot, 3)->stack, 7u);
}

TEST_F(ResourceBookTest, an_acquire_on_its_way_during_the_attach_is_none_from_before) {
    compare(20, {seen(3, 100, 21)}, Origin::kBeforeAttach);
    feed({acquired(3, 100, 22, 7)});

    EXPECT_EQ(kind().before.count, 0u);
    EXPECT_EQ(kind().acquired.count, 1u);
    expect_invariant();
}

TEST_F(ResourceBookTest, T37_dup2_over_an_open_descriptor_closes_it) {
    feed({acquired(3, 100, 10, 1), acquired(3, 101, 20, 2, WH_FLAG_REPLACES), released(3, 30)});

    EXPECT_EQ(kind().held.count, 0u);
    EXPECT_EQ(kind().released.count, 2u);
    EXPECT_EQ(aggregator_.healed(), 0u);
}

// Another thread is given the number before the close that made it free has been reported.
TEST_F(ResourceBookTest, T9_a_close_that_is_reported_late_takes_the_old_holder) {
    feed({acquired(3, 100, 10, 1), acquired(3, 101, 20, 2), released(3, 21)});

    ASSERT_NE(book_.find(kSlot, 3), nullptr);
    EXPECT_EQ(book_.find(kSlot, 3)->stack, 2u);
    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().released.count, 1u);
}

// The thread that closed was put aside before the probe behind its close, while another one opened and the table was read.
TEST_F(ResourceBookTest, T9_a_close_that_is_reported_after_a_comparison_takes_the_old_holder) {
    feed({acquired(3, 100, 10, 1), acquired(3, 101, 20, 2)});
    EXPECT_EQ(compare(30, {seen(3, 101, 31)}), 0u);

    feed({released(3, 40)});

    ASSERT_NE(book_.find(kSlot, 3), nullptr);
    EXPECT_EQ(book_.find(kSlot, 3)->stack, 2u);
    EXPECT_EQ(kind().released.count, 1u);
    expect_invariant();
}

TEST_F(ResourceBookTest, T9_a_close_that_is_reported_after_its_discovery_does_not_take_the_next_holder) {
    feed({acquired(3, 100, 10, 1)});
    compare(20, {seen(0, 90, 21)});
    compare(30, {seen(0, 90, 31)});
    EXPECT_EQ(book_.find(kSlot, 3), nullptr);

    feed({acquired(3, 101, 40, 2), released(3, 41)});

    ASSERT_NE(book_.find(kSlot, 3), nullptr);
    EXPECT_EQ(kind().released.count, 1u);
    expect_invariant();
}

TEST_F(ResourceBookTest, T9_a_replacement_that_is_reported_after_its_discovery) {
    feed({acquired(3, 100, 10, 1)});
    compare(20, {seen(3, 101, 21)});
    compare(30, {seen(3, 101, 31)});

    feed({acquired(3, 101, 40, 2), released(3, 41)});

    ASSERT_NE(book_.find(kSlot, 3), nullptr);
    EXPECT_EQ(book_.find(kSlot, 3)->stack, 2u);
    feed({released(3, 50)});
    EXPECT_EQ(book_.find(kSlot, 3), nullptr);
    expect_invariant();
}

TEST_F(ResourceBookTest, T37_dup2_that_is_reported_after_its_discovery_owes_no_close) {
    feed({acquired(3, 100, 10, 1)});
    compare(20, {seen(3, 101, 21)});
    compare(30, {seen(3, 101, 31)});

    feed({acquired(3, 101, 40, 2, WH_FLAG_REPLACES), released(3, 41)});

    EXPECT_EQ(book_.find(kSlot, 3), nullptr);
    expect_invariant();
}

TEST_F(ResourceBookTest, a_close_that_never_comes_is_forgotten) {
    feed({acquired(3, 100, 10, 1), acquired(3, 101, 20, 2)});

    feed({released(3, 5'000'000'000)});

    EXPECT_EQ(book_.find(kSlot, 3), nullptr);
    EXPECT_EQ(kind().released.count, 2u);
    expect_invariant();
}

TEST_F(ResourceBookTest, T37_close_range_closes_all_between) {
    feed({acquired(3, 100, 10), acquired(5, 101, 11), acquired(7, 102, 12)});
    Record range = released(4, 20);
    range.size = 0xffffffff;
    range.flags = WH_FLAG_RANGE;

    feed({range});

    EXPECT_EQ(kind().held.count, 1u);
    EXPECT_EQ(kind().released.count, 2u);
}

TEST_F(ResourceBookTest, two_differences_of_one_number_are_not_the_same) {
    EXPECT_EQ(compare(20, {seen(3, 100, 21)}), 1u);
    EXPECT_EQ(compare(30, {seen(3, 200, 31)}), 1u);

    EXPECT_EQ(kind().held.count, 0u);
}

TEST_F(ResourceBookTest, thread_ids_that_are_used_again_are_told_apart_by_their_time) {
    ResourceBook threads(false);
    Record born = acquired(500, 0xabc, 10, 4);
    born.kind = WH_KIND_THREAD;
    threads.on_record(born, aggregator_);
    SeenResource first = seen(500, 9, 21, WH_KIND_THREAD);
    SeenResource second = seen(500, 25, 31, WH_KIND_THREAD);

    EXPECT_EQ(threads.compare(kSlot, {20, {first}}, Origin::kUnseen, aggregator_), 0u);
    EXPECT_EQ(threads.find(kSlot, 500)->detail, 0xabcu);
    EXPECT_EQ(threads.compare(kSlot, {30, {second}}, Origin::kUnseen, aggregator_), 1u);
    EXPECT_EQ(threads.compare(kSlot, {40, {second}}, Origin::kUnseen, aggregator_), 0u);

    EXPECT_EQ(threads.find(kSlot, 500)->origin, Origin::kUnseen);
}

}  // namespace
}  // namespace whoholds
