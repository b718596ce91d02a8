// What the runtime says of its memory, read from outside and by the process itself.
#include "runtime/go/runtime_facts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using nlohmann::json;

class GoFacts : public GoForms {
protected:
    // Asking allocates a little itself.
    static void expect_near(uint64_t read, const json& said) {
        constexpr double kTolerance = 256 << 10;
        EXPECT_NEAR(static_cast<double>(read), said.get<double>(), kTolerance);
    }
};

TEST_P(GoFacts, equal_what_the_program_says_of_itself) {
    GoPuppet puppet(path());
    puppet.command("leak sessions 5000");
    puppet.command("start receivers 100");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const json said = json::parse(puppet.command("facts"));
    const auto read = read_go_runtime_facts(*process);

    ASSERT_TRUE(read) << read.error().message;
    const json& stats = said["stats"];
    EXPECT_EQ(read->max_procs, said["procs"].get<uint32_t>());
    EXPECT_EQ(read->profile_rate_bytes, said["rate"].get<uint64_t>());
    EXPECT_EQ(read->gc_count, stats["NumGC"].get<uint32_t>());
    EXPECT_EQ(read->gc_forced_count, stats["NumForcedGC"].get<uint32_t>());
    EXPECT_EQ(read->gc_pause_ns, stats["PauseTotalNs"].get<uint64_t>());
    EXPECT_EQ(read->last_gc_unix_ns, stats["LastGC"].get<uint64_t>());
    EXPECT_GT(read->gc_forced_count, 1U);
    EXPECT_FALSE(read->gc_percent);  // collect switches it off
    EXPECT_FALSE(read->heap_goal_bytes);
    EXPECT_FALSE(read->memory_limit_bytes);
    expect_near(read->heap_in_use_bytes, stats["HeapInuse"]);
    expect_near(read->heap_idle_bytes + read->heap_released_bytes, stats["HeapIdle"]);
    expect_near(read->heap_released_bytes, stats["HeapReleased"]);
    expect_near(read->heap_in_use_bytes + read->heap_idle_bytes + read->heap_released_bytes +
                    read->goroutine_stack_bytes + read->other_bytes,
                stats["Sys"]);
    EXPECT_GT(read->span_count, 100U);
}

TEST_P(GoFacts, goal_and_limit_are_those_of_the_environment) {
    GoPuppet puppet(path(), {"GOGC=50", "GOMEMLIMIT=123MiB", "GOMAXPROCS=3"});
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const json said = json::parse(puppet.command("facts"));
    const auto read = read_go_runtime_facts(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->max_procs, 3U);
    EXPECT_EQ(read->gc_percent, 50U);
    EXPECT_EQ(read->memory_limit_bytes, 123ULL << 20);
    EXPECT_EQ(read->heap_goal_bytes, said["stats"]["NextGC"].get<uint64_t>());
}

INSTANTIATE_TEST_SUITE_P(Each, GoFacts, all_go_forms(), go_form_name);

}  // namespace
}  // namespace whoholds
