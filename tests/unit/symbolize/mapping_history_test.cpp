#include "symbolize/mapping_history.h"

#include <gtest/gtest.h>

#include <limits>

namespace whoholds {
namespace {

constexpr size_t kNoModule = std::numeric_limits<size_t>::max();

size_t module_at(const MappingHistory& history, uint64_t address) {
    const ModuleMapping* found = history.find(address);
    return found == nullptr ? kNoModule : found->module;
}

TEST(MappingHistory, finds_what_is_mapped) {
    MappingHistory history;

    EXPECT_TRUE(history.update(
        {{.start = 30, .end = 40, .file_offset = 5, .module = 2}, {.start = 10, .end = 20, .module = 1}}));

    EXPECT_EQ(module_at(history, 9), kNoModule);
    EXPECT_EQ(module_at(history, 10), 1U);
    EXPECT_EQ(module_at(history, 19), 1U);
    EXPECT_EQ(module_at(history, 20), kNoModule);
    EXPECT_EQ(module_at(history, 35), 2U);
    EXPECT_EQ(history.find(35)->file_offset, 5U);
}

TEST(MappingHistory, T17_an_unmapped_library_is_remembered_until_something_takes_its_place) {
    MappingHistory history;
    (void)history.update({{.start = 100, .end = 200, .file_offset = 1000, .module = 1}});

    EXPECT_FALSE(history.update({}));
    EXPECT_EQ(module_at(history, 150), 1U);
    EXPECT_TRUE(history.update({{.start = 120, .end = 140, .module = 2}, {.start = 160, .end = 300, .module = 3}}));

    EXPECT_EQ(module_at(history, 110), 1U);
    EXPECT_EQ(module_at(history, 130), 2U);
    EXPECT_EQ(module_at(history, 150), 1U);
    EXPECT_EQ(history.find(150)->start - 140, 0U);
    EXPECT_EQ(history.find(150)->file_offset, 1040U);
    EXPECT_EQ(module_at(history, 160), 3U);
    EXPECT_EQ(module_at(history, 250), 3U);
}

TEST(MappingHistory, the_same_again_is_no_change) {
    MappingHistory history;
    const std::vector<ModuleMapping> now = {{.start = 10, .end = 20, .module = 1},
                                            {.start = 20, .end = 30, .module = 2}};

    EXPECT_TRUE(history.update(now));
    EXPECT_FALSE(history.update(now));
    EXPECT_FALSE(history.update({now[1]}));
}

TEST(MappingHistory, overlapping_and_empty_mappings_are_passed_over) {
    MappingHistory history;
    (void)history.update({{.start = 10, .end = 20, .module = 1},
                          {.start = 15, .end = 25, .module = 2},
                          {.start = 50, .end = 50, .module = 3},
                          {.start = 70, .end = 60, .module = 4}});

    EXPECT_EQ(module_at(history, 17), 1U);
    EXPECT_EQ(module_at(history, 22), kNoModule);
    EXPECT_EQ(module_at(history, 50), kNoModule);
    EXPECT_EQ(module_at(history, 65), kNoModule);
}

}  // namespace
}  // namespace whoholds
