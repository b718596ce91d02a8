// By which functions objects are kept, on pages that are laid out as V8's.
#include "runtime/v8/heap_keepers.h"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "unit/runtime/v8/fake_pages.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint16_t kContext = 206;

class V8KeepersTest : public ::testing::Test {
protected:
    V8KeepersTest() { fake_.put_root(0, top_ | 1); }

    // A function whose variables are in `context`; returns its SharedFunctionInfo.
    uint64_t make_function(uint64_t context) {
        const uint64_t shared = fake_.make(FakePages::kObject, 64);
        const uint64_t function = fake_.make(FakePages::kFunction, 64);
        fake_.put(function + 24, shared | 1);
        fake_.put(function + 32, context | 1);
        keep(function);
        return shared;
    }
    uint64_t make_context(std::vector<uint64_t> variables) {
        for (uint64_t& one : variables) one |= 1;
        return fake_.make_array(kContext, variables);
    }
    uint64_t make_object(uint64_t field = 0) {
        const uint64_t object = fake_.make(FakePages::kObject, 32);
        if (field != 0) fake_.put(object + 16, field | 1);
        return object;
    }
    void keep(uint64_t object) { fake_.put(top_ + 16 + 8 * kept_++, object | 1); }

    // What was asked, in order.
    std::vector<std::pair<size_t, uint64_t>> asked(const std::vector<uint64_t>& objects, uint64_t accepted = 0) {
        const auto shapes = V8Shapes::open(*v8_layout(11, 3), shapes_of_node_20());
        if (!shapes) return {};
        V8Pages pages(fake_.read(), shapes->layout(), 1 << 30);
        EXPECT_TRUE(pages.find(fake_.mappings()));
        EXPECT_TRUE(pages.copy_all());
        bool goes_on = true;
        V8Census census(pages, *shapes, [&] { return goes_on; });
        EXPECT_TRUE(census.run(fake_.roots()));
        goes_on = !is_ended_;
        std::vector<std::pair<size_t, uint64_t>> asked;
        census.find_keepers(objects, [&](size_t object, const V8Keepers::Function& function) {
            asked.emplace_back(object, function.shared);
            return function.shared == accepted;
        });
        return asked;
    }

    FakePages fake_;
    bool is_ended_ = false;

private:
    uint64_t top_ = fake_.make_array(FakePages::kArray, std::vector<uint64_t>(100));
    size_t kept_ = 0;
};

TEST_F(V8KeepersTest, asks_for_the_functions_whose_variables_lead_to_the_object) {
    const uint64_t leaf = make_object();
    const uint64_t other = make_object();
    const uint64_t array = fake_.make_array(FakePages::kArray, std::vector{leaf | 1, other | 1}, 2);
    const uint64_t shared = make_function(make_context({make_object(array)}));

    EXPECT_THAT(asked({leaf, other}), ElementsAre(Pair(0, shared), Pair(1, shared)));
}

TEST_F(V8KeepersTest, asks_for_the_nearest_first_and_no_more_once_it_is_accepted) {
    const uint64_t leaf = make_object();
    const uint64_t inner = make_context({leaf});
    const uint64_t nearest = make_function(inner);
    const uint64_t outer = make_function(make_context({inner}));

    EXPECT_THAT(asked({leaf}), ElementsAre(Pair(0, nearest), Pair(0, outer)));
    EXPECT_THAT(asked({leaf}, nearest), ElementsAre(Pair(0, nearest)));
    EXPECT_THAT(asked({leaf}, outer), ElementsAre(Pair(0, nearest), Pair(0, outer)));
}

TEST_F(V8KeepersTest, what_is_dead_or_weak_or_a_field_of_the_function_itself_keeps_nothing) {
    const uint64_t leaf = make_object();
    keep(leaf);
    const uint64_t dead_function = fake_.make(FakePages::kFunction, 64);
    fake_.put(dead_function + 24, make_object() | 1);
    fake_.put(dead_function + 32, make_context({leaf}) | 1);
    const uint64_t weak = fake_.make_array(kContext, std::vector{leaf | 3});
    make_function(weak);
    const uint64_t property = fake_.make(FakePages::kFunction, 64);
    fake_.put(property + 8, leaf | 1);
    fake_.put(property + 24, make_object() | 1);
    keep(property);

    EXPECT_THAT(asked({leaf}), IsEmpty());
}

// Maps lead to prototypes and constructors, and feedback and constructors lead to maps.
TEST_F(V8KeepersTest, the_map_of_an_object_is_no_way) {
    const uint64_t prototype = make_object();
    const uint64_t constructor = make_object();
    const uint64_t map = fake_.make_map(FakePages::kObject, 32);
    fake_.put(map + 16, constructor | 1);
    fake_.put(map + 24, prototype | 1);
    const uint64_t object = fake_.take(1, 32);
    fake_.put(object, map | 1);
    make_function(make_context({object, make_object(map)}));

    EXPECT_THAT(asked({constructor, prototype}), IsEmpty());
}

TEST_F(V8KeepersTest, what_very_many_refer_to_is_no_way) {
    const uint64_t leaf = make_object();
    for (int i = 0; i < 16; i++) keep(make_object(leaf));
    EXPECT_THAT(asked({leaf}), IsEmpty());
    const uint64_t shared = make_function(make_context({leaf}));

    EXPECT_THAT(asked({leaf}), IsEmpty()) << shared;
}

TEST_F(V8KeepersTest, circles_and_long_ways_end) {
    const uint64_t leaf = make_object();
    const uint64_t back = make_object(leaf);
    fake_.put(leaf + 16, back | 1);
    uint64_t chain = back;
    for (int i = 0; i < 20; i++) chain = make_object(chain);
    make_function(make_context({chain}));

    EXPECT_THAT(asked({leaf}), IsEmpty());
}

TEST_F(V8KeepersTest, looks_at_so_many_objects_and_no_longer_than_it_may) {
    const uint64_t leaf = make_object();
    const uint64_t shared = make_function(make_context({leaf}));
    std::vector<uint64_t> objects(V8Keepers::kMostObjects + 10, leaf);

    EXPECT_EQ(asked(objects).size(), V8Keepers::kMostObjects);
    EXPECT_THAT(asked({leaf, FakePages::kRoots}, shared), ElementsAre(Pair(0, shared)));
    is_ended_ = true;
    EXPECT_THAT(asked(objects), IsEmpty());
}

}  // namespace
}  // namespace whoholds
