// Heap profiles as read from outside and as the process itself writes them.
#include "runtime/go/heap_profile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/runtime/go/go_lines.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

class GoHeap : public GoForms {
protected:
    static void leak_everywhere(GoPuppet& puppet) {
        for (const char* command : {"leak sessions 3000", "leak large 50", "leak map 2000", "leak churn 20000"})
            puppet.command(command);
    }
};

TEST_P(GoHeap, T39_counts_and_bytes_by_stack_equal_what_pprof_says) {
    GoPuppet puppet(path());
    leak_everywhere(puppet);
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const PprofHeap said = parse_heap_profile(puppet.profile("heap"));
    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->rate_bytes, 524'288U);
    EXPECT_GE(said.size(), 3U);
    EXPECT_EQ(as_pprof(read->sampled), said);
}

TEST_P(GoHeap, T39_equals_pprof_where_every_allocation_is_sampled_and_many_are_freed) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=1"});
    leak_everywhere(puppet);
    puppet.command("collect");
    leak_everywhere(puppet);
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const PprofHeap said = parse_heap_profile(puppet.profile("heap"));
    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(as_pprof(read->sampled), said);
    EXPECT_EQ(as_pprof(read->scaled), said);
}

TEST_P(GoHeap, samples_stand_for_what_was_allocated) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=4096", "GOMAXPROCS=1"});
    puppet.command("leak churn 20000");  // until its first sample a processor uses the rate that it started with
    puppet.command("leak large 100");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    GoHeapAmount large;
    for (const GoHeapStack& stack : read->scaled) {
        const bool is_here = std::ranges::any_of(stack.frames, [&](uint64_t pc) {
            const auto frames = process->code().frames(process->image(), process->to_file(pc - 1));
            return !frames.empty() && frames.front().function == "main.leakLarge";
        });
        if (is_here && stack.allocated.bytes > large.bytes) large = stack.allocated;
    }
    EXPECT_EQ(large, (GoHeapAmount{100, 100ULL * 106'496}));  // the size class of 100,003 bytes
}

TEST_P(GoHeap, T39_stacks_are_as_deep_as_the_runtime_keeps_them) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=1"});
    puppet.command("leak deep 3");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const PprofHeap said = parse_heap_profile(puppet.profile("heap"));
    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(as_pprof(read->sampled), said);
    size_t deepest = 0;
    for (const GoHeapStack& stack : read->sampled) deepest = std::max(deepest, stack.frames.size());
    EXPECT_GE(deepest, process->code().minor_version() >= 23 ? 100U : 32U);  // 32 was the runtime's limit before
}

TEST_P(GoHeap, before_the_first_collection_what_is_pending_counts) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=1", "GOGC=off"});
    puppet.command("leak large 20");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    const bool has_large = std::ranges::any_of(
        read->sampled, [](const GoHeapStack& stack) { return stack.allocated.bytes == 20ULL * 106'496; });
    EXPECT_TRUE(has_large);
}

TEST_P(GoHeap, T39_is_never_negative_or_torn_while_the_program_works) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=8192", "GOGC=5"});
    puppet.command("leak sessions 1000");
    puppet.command("busy start 4");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    unsigned readings = 0;
    for (int i = 0; i < 50; ++i) {
        const auto read = read_go_heap_profile(*process);
        if (!read) {
            EXPECT_EQ(read.error().code, ErrorCode::kLimit) << read.error().message;
            continue;
        }
        ++readings;
        for (const GoHeapStack& stack : read->sampled) {
            EXPECT_GE(stack.allocated.objects, stack.freed.objects);
            EXPECT_GE(stack.allocated.bytes, stack.freed.bytes);
        }
    }
    puppet.command("busy stop");

    EXPECT_GT(readings, 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, GoHeap, all_go_forms(), go_form_name);

// The linker drops the profile where nothing could ask for it.
TEST(GoHeapProfileOff, T39_a_program_that_never_asks_for_a_profile_has_none) {
    const std::string path = target_path("go_puppet");
    if (path.empty()) GTEST_SKIP() << "go is not installed";
    GoPuppet puppet(path);
    const auto process = GoProcess::open({}, puppet.pid(), *read_maps({}, puppet.pid()));
    ASSERT_TRUE(process) << process.error().message;

    const auto read = read_go_heap_profile(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->rate_bytes, 0U);
    EXPECT_TRUE(read->sampled.empty());
}

}  // namespace
}  // namespace whoholds
