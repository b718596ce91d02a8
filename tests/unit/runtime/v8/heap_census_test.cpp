// What a census finds alive on pages that are laid out as V8's.
#include "runtime/v8/heap_census.h"

#include <gmock/gmock.h>

#include "unit/runtime/v8/fake_pages.h"

namespace whoholds {
namespace {

using ::testing::UnorderedElementsAre;

class V8CensusTest : public ::testing::Test {
protected:
    Result<void> run(uint64_t most_bytes = 1 << 30) {
        const auto shapes = V8Shapes::open(*v8_layout(11, 3), shapes_of_node_20());
        if (!shapes) return shapes.error();
        shapes_ = *shapes;
        pages_.emplace(fake_.read(), shapes_->layout(), most_bytes);
        if (auto found = pages_->find(fake_.mappings()); !found) return found;
        if (without_young_) pages_->leave_out_young();
        census_.emplace(*pages_, *shapes_, [this] { return asked_++ < most_asked_; });
        return census_->run(fake_.roots());
    }
    [[nodiscard]] std::optional<bool> is_alive(uint64_t object) const { return census_->is_alive(object); }

    FakePages fake_;
    bool without_young_ = false;
    int most_asked_ = 1000;

private:
    int asked_ = 0;
    std::optional<V8Shapes> shapes_;
    std::optional<V8Pages> pages_;
    std::optional<V8Census> census_;

protected:
    [[nodiscard]] const V8Census& census() const { return *census_; }
};

TEST_F(V8CensusTest, follows_fields_and_arrays_from_words_outside) {
    const uint64_t leaf = fake_.make(FakePages::kObject, 32, 2);
    const uint64_t array = fake_.make_array(FakePages::kArray, std::vector{uint64_t{7} << 32, leaf | 1});
    const uint64_t top = fake_.make(FakePages::kObject, 40);
    const uint64_t garbage = fake_.make(FakePages::kObject, 40);
    fake_.put(top + 32, array | 1);
    fake_.put(garbage + 32, top | 1);
    fake_.put_root(5, top | 1);

    ASSERT_TRUE(run());

    EXPECT_EQ(is_alive(top), true);
    EXPECT_EQ(is_alive(array), true);
    EXPECT_EQ(is_alive(leaf), true);
    EXPECT_EQ(is_alive(garbage), false);
    EXPECT_EQ(is_alive(FakePages::kRoots), std::nullopt);
    EXPECT_EQ(census().numbers().torn, 0u);
}

TEST_F(V8CensusTest, passes_over_pointers_that_are_weak) {
    const uint64_t target = fake_.make(FakePages::kObject, 32);
    const uint64_t by_tag = fake_.make(FakePages::kObject, 32);
    const uint64_t reference = fake_.make(FakePages::kWeakRef, 32);
    fake_.put(reference + 24, target | 1);
    const uint64_t array = fake_.make_array(FakePages::kArray, std::vector{reference | 1, by_tag | 3});
    fake_.put_root(0, array | 1);

    ASSERT_TRUE(run());

    EXPECT_EQ(is_alive(reference), true);
    EXPECT_EQ(is_alive(target), false);
    EXPECT_EQ(is_alive(by_tag), false);
}

TEST_F(V8CensusTest, keeps_the_value_of_an_ephemeron_with_its_key) {
    const uint64_t key = fake_.make(FakePages::kObject, 32);
    const uint64_t second_key = fake_.make(FakePages::kObject, 32);
    const uint64_t last = fake_.make(FakePages::kObject, 32);
    const uint64_t dead_key = fake_.make(FakePages::kObject, 32);
    const uint64_t dead_value = fake_.make(FakePages::kObject, 32);
    const uint64_t table =
        fake_.make_array(FakePages::kEphemerons, std::vector<uint64_t>{0, 0, 0, second_key | 1, last | 1, key | 1,
                                                                       second_key | 1, dead_key | 1, dead_value | 1});
    fake_.put_root(0, table | 1);
    fake_.put_root(1, key | 1);

    ASSERT_TRUE(run());

    EXPECT_EQ(is_alive(second_key), true);
    EXPECT_EQ(is_alive(last), true);
    EXPECT_EQ(is_alive(dead_key), false);
    EXPECT_EQ(is_alive(dead_value), false);
}

TEST_F(V8CensusTest, tells_strong_handles_from_weak_ones) {
    constexpr size_t kBlock = 100;
    const uint64_t strong = fake_.make(FakePages::kObject, 32);
    const uint64_t weak = fake_.make(FakePages::kObject, 32);
    const uint64_t free = fake_.make(FakePages::kObject, 32);
    fake_.make_handles(kBlock);
    fake_.put_handle(kBlock, 3, strong | 1, 1);
    fake_.put_handle(kBlock, 4, weak | 1, 2);
    fake_.put_handle(kBlock, 255, free | 1, 0);

    ASSERT_TRUE(run());

    EXPECT_EQ(is_alive(strong), true);
    EXPECT_EQ(is_alive(weak), false);
    EXPECT_EQ(is_alive(free), false);
    EXPECT_EQ(census().numbers().strong_handles, 1u);
    EXPECT_EQ(census().numbers().weak_handles, 1u);
}

TEST_F(V8CensusTest, tells_the_blocks_of_live_array_buffers) {
    constexpr size_t kExtension = 200;  // words of the memory outside
    constexpr size_t kStore = 220;
    const auto address = [](size_t index) { return FakePages::kRoots + 8 * index; };
    const uint64_t buffer = fake_.make(FakePages::kArrayBuffer, 72);
    fake_.put(buffer + 48, 0x9000);
    fake_.put(buffer + 56, address(kExtension));
    fake_.put_root(kExtension + 1, address(kStore));
    fake_.put_root(kExtension + 2, address(kStore + 8));
    fake_.put_root(kStore, 0x9000);
    const uint64_t other = fake_.make(FakePages::kArrayBuffer, 72);  // whose extension says otherwise
    fake_.put(other + 48, 0xa000);
    fake_.put(other + 56, address(kExtension));
    const uint64_t dead = fake_.make(FakePages::kArrayBuffer, 72);
    fake_.put(dead + 48, 0xb000);
    fake_.put_root(0, buffer | 1);
    fake_.put_root(1, other | 1);

    ASSERT_TRUE(run());

    EXPECT_THAT(census().buffer_blocks(),
                UnorderedElementsAre(0x9000, 0xa000, address(kExtension), address(kStore), address(kStore + 8)));
}

TEST_F(V8CensusTest, takes_new_space_for_other_memory_if_it_changes_too_fast) {
    const uint64_t young = fake_.make(FakePages::kObject, 32, 2);
    const uint64_t old = fake_.make(FakePages::kObject, 32);
    fake_.put_root(0, old | 1);
    without_young_ = true;

    ASSERT_TRUE(run());

    EXPECT_EQ(is_alive(old), true);
    EXPECT_EQ(is_alive(young), std::nullopt);
}

TEST_F(V8CensusTest, counts_fields_that_lead_to_no_object) {
    const uint64_t top = fake_.make_array(FakePages::kArray, std::vector<uint64_t>{FakePages::kBase + 0x30001});
    fake_.put_root(0, top | 1);

    const auto counted = run();

    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(census().numbers().torn, 1u);
}

TEST_F(V8CensusTest, is_refused_if_too_many_shapes_are_unknown) {
    const uint64_t strange = fake_.make(FakePages::kStrangeType, 0);
    fake_.put_root(0, strange | 1);

    const auto counted = run();

    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().code, ErrorCode::kUnsupported);
}

TEST_F(V8CensusTest, copies_no_more_than_allowed_and_ends_when_told) {
    fake_.put_root(0, fake_.make(FakePages::kObject, 32) | 1);
    const auto too_large = run(FakePages::kPageBytes - 1);
    most_asked_ = 0;
    const auto too_long = run();

    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, ErrorCode::kLimit);
    ASSERT_FALSE(too_long);
    EXPECT_EQ(too_long.error().code, ErrorCode::kLimit);
}

TEST(V8Shapes, are_known_of_node_20_alone) {
    EXPECT_TRUE(V8Shapes::open(*v8_layout(11, 3), shapes_of_node_20()));
    EXPECT_FALSE(V8Shapes::open(*v8_layout(12, 4), shapes_of_node_20()));
    auto constants = shapes_of_node_20();
    constants.erase("type_WeakCell__WEAK_CELL_TYPE");
    EXPECT_FALSE(V8Shapes::open(*v8_layout(11, 3), constants));
}

}  // namespace
}  // namespace whoholds
