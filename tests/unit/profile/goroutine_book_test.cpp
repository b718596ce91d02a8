#include "profile/goroutine_book.h"

#include <gmock/gmock.h>

#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

constexpr uint16_t kProcess = 3;
constexpr uint32_t kNoStackBase = 100'000;

class GoroutineBookTest : public ::testing::Test {
protected:
    void seen(RecordType type, uint64_t id, uint64_t time_ns) {
        Record record;
        record.type = type;
        record.kind = WH_KIND_GOROUTINE;
        record.process = kProcess;
        record.key = id;
        record.size = 1;
        record.time_ns = time_ns;
        record.stack = 7;
        aggregator_.on_record(record);
    }
    void compare(uint64_t started_ns, std::vector<ListedGoroutine> alive, bool begins_with_nothing = false) {
        book_.compare(kProcess, {.started_ns = started_ns, .alive = std::move(alive), .uncertain = {}},
                      begins_with_nothing, aggregator_);
    }
    [[nodiscard]] ProfileKind kind() const {
        const Profile profile = aggregator_.make_profile(1000, {});
        return profile.kinds.empty() ? ProfileKind{} : profile.kinds.front();
    }

    Aggregator aggregator_{kNoStackBase};
    GoroutineBook book_;
};

TEST_F(GoroutineBookTest, the_first_comparison_finds_those_from_before) {
    seen(RecordType::kAcquire, 9, 5);

    compare(10, {{1, 0x100}, {2, 0x200}, {3, 0x200}, {9, 0x300}});

    EXPECT_EQ(kind().before.count, 3U);
    EXPECT_EQ(kind().acquired.count, 1U);
    EXPECT_EQ(kind().held.count, 4U);
    const Profile profile = aggregator_.make_profile(1000, {});
    ASSERT_EQ(profile.stacks.size(), 3U);  // one for each creator, and the stack that was seen
    const StackInfo* creator = aggregator_.find_stack(profile.stacks.back().stack);
    ASSERT_NE(creator, nullptr);
    EXPECT_EQ(creator->status, uint32_t{WH_STACK_CREATOR_BEFORE});
    EXPECT_EQ(creator->frames.size(), 1U);
}

TEST_F(GoroutineBookTest, T38_one_that_ended_while_the_list_was_read_stays_ended) {
    compare(10, {});
    seen(RecordType::kAcquire, 4, 11);
    seen(RecordType::kRelease, 4, 21);

    compare(20, {{4, 0x100}});
    EXPECT_EQ(kind().held.count, 0U);
    compare(30, {});

    EXPECT_EQ(kind().acquired.count, 1U);
    EXPECT_EQ(kind().released.count, 1U);
}

TEST_F(GoroutineBookTest, one_whose_creation_was_lost_counts_when_it_is_found_twice) {
    compare(10, {});

    compare(20, {{4, 0x100}});
    EXPECT_EQ(kind().held.count, 0U);
    compare(30, {{4, 0x100}});

    EXPECT_EQ(kind().held.count, 1U);
    EXPECT_EQ(kind().acquired.count, 1U);
    EXPECT_EQ(kind().before.count, 0U);
}

TEST_F(GoroutineBookTest, one_whose_end_was_lost_is_released) {
    seen(RecordType::kAcquire, 4, 5);
    seen(RecordType::kAcquire, 5, 25);  // created while the list was read

    compare(20, {});

    EXPECT_EQ(kind().held.count, 1U);
    EXPECT_EQ(kind().released.count, 1U);
}

TEST_F(GoroutineBookTest, a_program_that_was_seen_to_begin_has_none_from_before) {
    compare(10, {{1, 0x100}}, true);
    compare(20, {{1, 0x100}}, true);

    EXPECT_EQ(kind().before.count, 0U);
    EXPECT_EQ(kind().acquired.count, 1U);
}

}  // namespace
}  // namespace whoholds
