#include "symbolize/mapping_history.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

namespace whoholds {
namespace {

constexpr size_t kNoModule = std::numeric_limits<size_t>::max();

size_t module_at(const MappingHistory& history, uint64_t address, uint32_t layout = 0) {
    const ModuleMapping* found = history.find(address, layout);
    return found == nullptr ? kNoModule : found->module;
}

TEST(MappingHistory, finds_what_is_mapped) {
    MappingHistory history;

    history.update({{.start = 30, .end = 40, .file_offset = 5, .module = 2}, {.start = 10, .end = 20, .module = 1}});

    EXPECT_EQ(module_at(history, 9), kNoModule);
    EXPECT_EQ(module_at(history, 10), 1U);
    EXPECT_EQ(module_at(history, 19), 1U);
    EXPECT_EQ(module_at(history, 20), kNoModule);
    EXPECT_EQ(module_at(history, 35), 2U);
    EXPECT_EQ(history.find(35)->file_offset, 5U);
}

TEST(MappingHistory, T17_an_unmapped_library_is_remembered_until_something_takes_its_place) {
    MappingHistory history;
    history.update({{.start = 100, .end = 200, .file_offset = 1000, .module = 1}});

    history.update({});
    EXPECT_EQ(module_at(history, 150), 1U);
    history.update({{.start = 120, .end = 140, .module = 2}, {.start = 160, .end = 300, .module = 3}});

    EXPECT_EQ(module_at(history, 110), 1U);
    EXPECT_EQ(module_at(history, 130), 2U);
    EXPECT_EQ(module_at(history, 150), 1U);
    EXPECT_EQ(history.find(150)->start - 140, 0U);
    EXPECT_EQ(history.find(150)->file_offset, 1040U);
    EXPECT_EQ(module_at(history, 160), 3U);
    EXPECT_EQ(module_at(history, 250), 3U);
}

TEST(MappingHistory, T17_an_address_means_what_it_meant_in_the_layout_of_the_stack) {
    MappingHistory history;
    const ModuleMapping libc{.start = 10, .end = 20, .module = 1};
    history.update({libc, {.start = 100, .end = 200, .module = 2}}, 1);
    history.update({libc}, 2);
    history.update({libc, {.start = 100, .end = 150, .file_offset = 7, .module = 3}}, 3);
    history.update({libc, {.start = 100, .end = 150, .file_offset = 7, .module = 2}}, 4);

    EXPECT_EQ(module_at(history, 120, 1), 2U);
    EXPECT_EQ(module_at(history, 120, 3), 3U);
    EXPECT_EQ(module_at(history, 120, 4), 2U);
    EXPECT_EQ(history.find(120, 1)->file_offset, 0U);
    EXPECT_EQ(history.find(120, 4)->file_offset, 7U);
    EXPECT_EQ(module_at(history, 170, 1), 2U);
    EXPECT_EQ(module_at(history, 170, 4), 2U) << "nothing else was ever there";
    for (uint32_t layout = 0; layout <= 5; ++layout) EXPECT_EQ(module_at(history, 15, layout), 1U) << layout;
}

TEST(MappingHistory, T17_in_a_layout_that_was_not_seen_only_what_never_changed_is_known) {
    MappingHistory history;
    const ModuleMapping libc{.start = 10, .end = 20, .module = 1};
    history.update({libc, {.start = 100, .end = 200, .module = 2}}, 3);
    history.update({libc, {.start = 100, .end = 200, .module = 3}}, 7);

    for (const uint32_t layout : {1, 2, 4, 6, 8}) {
        EXPECT_EQ(module_at(history, 150, layout), kNoModule) << layout;
        EXPECT_EQ(module_at(history, 15, layout), 1U) << layout;
    }
    EXPECT_EQ(module_at(history, 150), 3U);
}

TEST(MappingHistory, T17_a_mapping_that_grows_keeps_the_layouts_of_its_older_part) {
    MappingHistory history;
    history.update({{.start = 100, .end = 200, .module = 2}, {.start = 200, .end = 300, .module = 5}}, 1);
    history.update({{.start = 50, .end = 250, .file_offset = 0, .module = 9}}, 2);
    history.update({{.start = 100, .end = 300, .module = 2}}, 3);

    EXPECT_EQ(module_at(history, 150, 1), 2U);
    EXPECT_EQ(module_at(history, 150, 2), 9U);
    EXPECT_EQ(module_at(history, 150, 3), 2U);
    EXPECT_EQ(module_at(history, 240, 1), 5U);
    EXPECT_EQ(module_at(history, 240, 2), 9U);
    EXPECT_EQ(module_at(history, 240, 3), 2U);
    EXPECT_EQ(module_at(history, 270, 1), 5U);
    EXPECT_EQ(module_at(history, 270, 3), 2U);
    EXPECT_EQ(module_at(history, 60, 3), 9U);
}

TEST(MappingHistory, T17_libraries_that_come_and_go_for_long_are_forgotten_and_not_confused) {
    MappingHistory history;
    const ModuleMapping libc{.start = 10, .end = 20, .module = 1};
    constexpr uint32_t kLayouts = 100'000;
    constexpr uint32_t kStep = 1'000;  // several libraries change at once
    std::vector<ModuleMapping> now(1 + kStep);
    for (uint32_t layout = 1; layout <= kLayouts / kStep; ++layout) {
        now[0] = libc;
        for (uint32_t i = 0; i < kStep; ++i)
            now[1 + i] = {.start = 1000 + i * 10, .end = 1010 + i * 10, .module = 2 + layout};
        history.update(now, layout);
    }

    EXPECT_EQ(module_at(history, 15, 1), 1U);
    EXPECT_EQ(module_at(history, 1005, 1), kNoModule);
    EXPECT_EQ(module_at(history, 1005, 99), 101U);
    EXPECT_EQ(module_at(history, 1005, 100), 102U);
}

// Against a plain table of addresses: whatever is mapped over whatever, each address answers by its own history.
TEST(MappingHistory, agrees_with_a_table_of_addresses) {
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same mappings in every run
    constexpr uint64_t kAddresses = 64;
    for (int round = 0; round < 200; ++round) {
        MappingHistory history;
        std::vector<std::vector<size_t>> seen;  // by layout and address
        std::vector<size_t> last(kAddresses, kNoModule);
        for (uint32_t layout = 1; layout <= 12; ++layout) {
            std::vector<ModuleMapping> now;
            seen.emplace_back(kAddresses, kNoModule);
            for (uint64_t start = random() % 9; start < kAddresses; start += random() % 20) {
                const uint64_t end = std::min<uint64_t>(kAddresses, start + 1 + random() % 12);
                now.push_back({.start = start, .end = end, .file_offset = start, .module = random() % 3});
                for (uint64_t at = start; at < end; ++at) seen.back()[at] = last[at] = now.back().module;
                start = end;
            }
            history.update(now, layout);
        }

        for (uint64_t at = 0; at < kAddresses; ++at) {
            EXPECT_EQ(module_at(history, at), last[at]);
            for (uint32_t layout = 1; layout <= seen.size(); ++layout) {
                const size_t expected = seen[layout - 1][at];
                if (expected == kNoModule) continue;
                EXPECT_EQ(module_at(history, at, layout), expected);
            }
        }
    }
}

TEST(MappingHistory, overlapping_and_empty_mappings_are_passed_over) {
    MappingHistory history;
    history.update({{.start = 10, .end = 20, .module = 1},
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
