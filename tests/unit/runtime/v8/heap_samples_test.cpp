// When samples of a JavaScript heap count as held.
#include "runtime/v8/heap_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

constexpr uint64_t kPage = WH_JS_PAGE_BYTES;

Record sample(uint32_t number, uint64_t size = kPage) {
    Record record;
    record.type = RecordType::kJsSample;
    record.process = 3;
    record.size = size;
    record.stack = 7;
    record.flags = number;
    record.time_ns = 1'000 + number;
    return record;
}

wh_js_sample there(uint32_t number, uint32_t flags = 0) {
    return {.address = 0x1000, .time_ns = 0, .stack = 7, .flags = flags, .number = number, .reserved = 0};
}

struct Books {
    JsSampleBook book;
    std::vector<Record> records;
    JsSampleBook::Emit emit = [this](const Record& record) { records.push_back(record); };

    [[nodiscard]] size_t count(RecordType type) const {
        return static_cast<size_t>(std::ranges::count(records, type, &Record::type));
    }
};

TEST(JsSampleBook, holds_what_a_full_collection_has_found_alive) {
    Books books;
    books.book.add(1, sample(0));
    books.book.add(1, sample(1, 4 * kPage));

    books.book.look(1, std::vector{there(0, WH_JS_FOUND_ALIVE), there(1)}, 1, 5'000, books.emit);

    ASSERT_EQ(books.records.size(), 1u);
    const Record& acquired = books.records[0];
    EXPECT_EQ(acquired.type, RecordType::kAcquire);
    EXPECT_EQ(acquired.kind, WH_KIND_JS_HEAP);
    EXPECT_EQ(acquired.process, 3);
    EXPECT_EQ(acquired.size, kPage);
    EXPECT_EQ(acquired.stack, 7u);
    EXPECT_EQ(acquired.time_ns, 1'000u);  // when it was allocated
    EXPECT_EQ(books.book.waiting_bytes(), 4 * kPage);
}

TEST(JsSampleBook, tells_each_change_once) {
    Books books;
    books.book.add(1, sample(0));
    for (int i = 0; i < 3; i++) books.book.look(1, std::vector{there(0, WH_JS_FOUND_ALIVE)}, 1, 5'000, books.emit);

    for (int i = 0; i < 3; i++) books.book.look(1, {}, 1, 6'000, books.emit);

    ASSERT_EQ(books.records.size(), 2u);
    EXPECT_EQ(books.records[1].type, RecordType::kRelease);
    EXPECT_EQ(books.records[1].key, books.records[0].key);
    EXPECT_EQ(books.records[1].time_ns, 6'000u);
}

TEST(JsSampleBook, counts_what_died_young_as_taken_and_given_back) {
    Books books;
    books.book.add(1, sample(0));

    books.book.look(1, {}, 1, 5'000, books.emit);

    EXPECT_EQ(books.count(RecordType::kAcquire), 1u);
    EXPECT_EQ(books.count(RecordType::kRelease), 1u);
    EXPECT_EQ(books.book.waiting_bytes(), 0u);
}

TEST(JsSampleBook, keeps_heaps_apart_and_ends_with_them) {
    Books books;
    books.book.add(1, sample(0));
    books.book.add(2, sample(0));
    books.book.look(1, std::vector{there(0, WH_JS_FOUND_ALIVE)}, 1, 5'000, books.emit);
    books.book.look(2, std::vector{there(0, WH_JS_FOUND_ALIVE)}, 1, 5'000, books.emit);
    ASSERT_EQ(books.records.size(), 2u);
    EXPECT_NE(books.records[0].key, books.records[1].key);

    books.book.end(2, 6'000, books.emit);

    ASSERT_EQ(books.records.size(), 3u);
    EXPECT_EQ(books.records[2].key, books.records[1].key);

    books.book.end_all(7'000, books.emit);

    EXPECT_EQ(books.count(RecordType::kRelease), 2u);
}

TEST(JsSampleBook, tells_by_stack_what_nobody_has_looked_at) {
    Books books;
    for (uint32_t number = 0; number < 4; number++) books.book.add(1, sample(number));
    EXPECT_EQ(books.book.largest_bytes(), kPage);
    Record other = sample(4, 2 * kPage);
    other.stack = 9;
    books.book.add(1, other);
    EXPECT_EQ(books.book.largest_bytes(), 2 * kPage);
    EXPECT_THAT(books.book.waiting(), ::testing::ElementsAre(::testing::Pair(7, 4), ::testing::Pair(9, 1)));
    const std::vector table = {there(0, WH_JS_FOUND_ALIVE), there(2), there(3), there(4)};

    books.book.look(1, table, 1, 5'000, books.emit);
    books.book.look_by_census(1, std::vector{JsSampleBook::Counted{2, false}, {3, true}}, 1, 6'000, books.emit);

    EXPECT_THAT(books.book.waiting(), ::testing::ElementsAre(::testing::Pair(7, 1), ::testing::Pair(9, 1)))
        << "one is alive, one gone, one was missed once";
}

TEST(JsSampleBook, knows_nothing_of_samples_that_it_was_not_told_of) {
    Books books;
    books.book.look(1, std::vector{there(5, WH_JS_FOUND_ALIVE)}, 1, 5'000, books.emit);
    books.book.add(1, sample(0));
    books.book.look(1, std::vector{there(0), there(5, WH_JS_FOUND_ALIVE)}, 1, 5'000, books.emit);

    EXPECT_TRUE(books.records.empty());
    EXPECT_EQ(books.book.taken(), 1u);
}

TEST(JsSampleBook, holds_what_two_censuses_have_found_alive_and_releases_what_two_have_missed) {
    Books books;
    books.book.add(1, sample(0));
    books.book.add(1, sample(1));

    const std::vector<JsSampleBook::Counted> first = {{0, true}, {1, false}};
    books.book.look_by_census(1, first, 0, 4'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kAcquire), 0u);
    books.book.look_by_census(1, first, 0, 5'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kAcquire), 1u);
    books.book.look_by_census(1, std::vector<JsSampleBook::Counted>{{0, false}, {1, false}}, 0, 6'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kRelease), 0u);
    books.book.look_by_census(1, std::vector<JsSampleBook::Counted>{{0, false}, {1, false}}, 0, 7'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kRelease), 1u);

    books.book.look(1, {}, 0, 8'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kAcquire), 2u);
    EXPECT_EQ(books.count(RecordType::kRelease), 2u);
    EXPECT_EQ(books.book.waiting_bytes(), 0u);
    EXPECT_EQ(books.book.missed_rightly(), 2u);
}

TEST(JsSampleBook, believes_a_full_collection_that_came_after_the_census) {
    Books books;
    books.book.add(1, sample(0));
    const std::vector<JsSampleBook::Counted> missed = {{0, false}};
    const std::vector alive = {there(0, WH_JS_FOUND_ALIVE)};
    books.book.look(1, alive, 1, 4'000, books.emit);
    for (int i = 0; i < 2; i++) books.book.look_by_census(1, missed, 1, 5'000, books.emit);

    books.book.look(1, alive, 1, 6'000, books.emit);  // what the table says is older
    EXPECT_EQ(books.count(RecordType::kAcquire), 1u);
    books.book.look(1, alive, 2, 7'000, books.emit);
    EXPECT_EQ(books.count(RecordType::kAcquire), 2u);
    EXPECT_EQ(books.book.missed_wrongly(), 1u);
}

}  // namespace
}  // namespace whoholds
