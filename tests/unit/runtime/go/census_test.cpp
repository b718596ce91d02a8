// What a Go heap holds by size, compared with what the program says of itself.
#include "runtime/go/census.h"

#include <gtest/gtest.h>

#include <random>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using nlohmann::json;

class GoHeapsWithoutProfile : public GoForms {};

TEST_P(GoHeapsWithoutProfile, the_census_agrees_with_the_runtimes_own_numbers) {
    GoPuppet puppet(path(), {"GOGC=50"});
    puppet.command("fill");
    puppet.command("serve 3000 leak");
    puppet.command("large 20");
    puppet.command("collect");
    puppet.command("collect");
    const json stats = json::parse(puppet.command("stats"));
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto census = read_go_census(*process);

    ASSERT_TRUE(census) << census.error().message;
    EXPECT_EQ(census->torn_spans, 0u);
    const uint64_t count = census->alive.count + census->since.count;
    const uint64_t bytes = census->alive.bytes + census->since.bytes;
    // Answering takes some memory, too.
    EXPECT_NEAR(static_cast<double>(census->span_bytes), stats.at("HeapInuse").get<double>(), 500'000);
    EXPECT_NEAR(static_cast<double>(count), stats.at("HeapObjects").get<double>(), 2000);
    EXPECT_NEAR(static_cast<double>(bytes), stats.at("HeapAlloc").get<double>(), 200'000);
    EXPECT_LT(census->since.bytes, 200'000u) << "two collections have just been";
    EXPECT_GT(census->alive.bytes, 10'000'000u);
}

TEST_P(GoHeapsWithoutProfile, what_was_allocated_and_freed_is_what_the_runtime_says) {
    GoPuppet puppet(path());
    puppet.command("fill");
    puppet.command("serve 3000 leak");
    puppet.command("collect");
    const json stats = json::parse(puppet.command("stats"));
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto allocations = read_go_allocations(*process);
    const auto census = read_go_census(*process);

    ASSERT_TRUE(allocations && census);
    ASSERT_TRUE(census->allocations) << "the counters are not plausible";
    EXPECT_NEAR(static_cast<double>(allocations->freed().bytes),
                stats.at("TotalAlloc").get<double>() - stats.at("HeapAlloc").get<double>(), 300'000);
    for (const json& size : stats.at("BySize")) {
        const auto* found = allocations->find(size.at("Size").get<uint64_t>());
        if (size.at("Size") == 0) continue;
        ASSERT_NE(found, nullptr);
        EXPECT_NEAR(static_cast<double>(found->freed.count), size.at("Frees").get<double>(), 3000) << size;
        EXPECT_NEAR(static_cast<double>(found->allocated.count), size.at("Mallocs").get<double>(), 3000) << size;
    }
}

TEST_P(GoHeapsWithoutProfile, what_leaks_shows_in_its_size_alone) {
    GoPuppet puppet(path());
    puppet.command("fill");
    puppet.command("serve 5000");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    const auto before = read_go_census(*process);
    puppet.command("serve 5000 leak");
    puppet.command("collect");

    const auto after = read_go_census(*process);

    constexpr GoSize kLeaking{640, true};
    ASSERT_TRUE(before && after);
    for (const GoSizeClass& each : after->classes) {
        uint64_t earlier = 0;
        for (const GoSizeClass& old : before->classes)
            if (old.size == each.size) earlier = old.alive.count;
        const double growth = static_cast<double>(each.alive.count) - static_cast<double>(earlier);
        const double expected = each.size == kLeaking ? 10'000 : 0;
        EXPECT_NEAR(growth, expected, 1000) << each.size.small_bytes;
    }
}

INSTANTIATE_TEST_SUITE_P(Each, GoHeapsWithoutProfile, ::testing::Values("go_leak", "go_1_19_leak"), go_form_name);

TEST(GoCensus, takes_any_spans) {
    std::mt19937_64 random(2);
    for (int i = 0; i < 2000; ++i) {
        GoSpans spans;
        spans.sweep_generation = static_cast<uint32_t>(random());
        for (int k = 0; k < 20; ++k)
            spans.in_use.push_back({.page_count = random(),
                                    .element_bytes = random() % 2 == 0 ? 0 : random(),
                                    .sweep_generation = random() % 2 == 0 ? spans.sweep_generation : 0,
                                    .element_count = static_cast<uint16_t>(random()),
                                    .alloc_count = static_cast<uint16_t>(random()),
                                    .span_class = static_cast<uint8_t>(random())});

        const GoCensus census = count_go_census(spans, [&](size_t) { return static_cast<uint32_t>(random()); });

        EXPECT_LE(census.classes.size(), spans.in_use.size());
        EXPECT_FALSE(are_plausible(GoAllocations{}, census) && !census.classes.empty());
    }
}

}  // namespace
}  // namespace whoholds
