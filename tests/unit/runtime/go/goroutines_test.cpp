// Goroutines as read from outside and as the process itself lists them.
#include "runtime/go/goroutines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "unit/runtime/go/go_lines.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using Groups = GoGroups;

class Goroutines : public GoForms {
protected:
    static void start_everything(GoPuppet& puppet) {
        for (const char* command : {"start receivers 20", "start nested 15", "start lockers 4", "start sleepers 5",
                                    "start selectors 3", "start children 6"})
            puppet.command(command);
    }
    static uint64_t created_by(const GoProcess& process, const GoroutineSnapshot& snapshot, const std::string& name) {
        return static_cast<uint64_t>(std::ranges::count_if(snapshot.goroutines, [&](const Goroutine& goroutine) {
            const auto calls = process.code().frames(process.image(), process.to_file(goroutine.record.creator - 1));
            return !calls.empty() && calls.front().function == name;
        }));
    }
};

TEST_P(Goroutines, T38_groups_by_stack_equal_what_pprof_says) {
    GoPuppet puppet(path());
    start_everything(puppet);
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    Groups said;
    for (const auto& [frames, count] : parse_goroutine_profile(puppet.profile("goroutine")))
        said[lines_of_profile(*process, frames)] += count;
    const auto read = read_goroutines(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->torn, 0U);
    Groups seen;
    for (const Goroutine& goroutine : read->goroutines) {
        if (goroutine.is_system) continue;
        ASSERT_NE(goroutine.stack, kNoGoStack);
        // The one that wrote the profile was in the middle of that, and waits for its next command now.
        if (goroutine.record.id != 1) ++seen[lines_of(*process, read->stacks[goroutine.stack])];
    }
    std::erase_if(said, [](const auto& group) { return group.first.back().starts_with("runtime.main:"); });
    EXPECT_EQ(seen, said);
    EXPECT_GE(seen.size(), 10U);
}

TEST_P(Goroutines, T38_groups_of_a_busy_program_are_within_one_percent_of_what_pprof_says) {
    GoPuppet puppet(path());
    puppet.command("start receivers 3000");
    puppet.command("start selectors 1000");
    puppet.command("busy start 8");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    Groups said;
    for (const auto& [frames, count] : parse_goroutine_profile(puppet.profile("goroutine")))
        said[lines_of_profile(*process, frames)] += count;
    const auto read = read_goroutines(*process);
    puppet.command("busy stop");

    ASSERT_TRUE(read) << read.error().message;
    Groups seen;
    uint64_t alive = read->torn;
    for (const Goroutine& goroutine : read->goroutines) {
        if (goroutine.is_system) continue;
        ++alive;
        if (goroutine.stack != kNoGoStack) ++seen[lines_of(*process, read->stacks[goroutine.stack])];
    }
    uint64_t all_said = 0;
    for (const auto& [lines, count] : said) {
        all_said += count;
        if (count < 100) continue;
        EXPECT_NEAR(static_cast<double>(seen[lines]), static_cast<double>(count), static_cast<double>(count) / 100)
            << lines.front();
    }
    EXPECT_NEAR(static_cast<double>(alive), static_cast<double>(all_said), static_cast<double>(all_said) / 100);
}

TEST_P(Goroutines, each_has_its_creator_its_state_and_what_it_waits_for) {
    GoPuppet puppet(path());
    start_everything(puppet);
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto read = read_goroutines(*process);
    const auto reasons = read_wait_reasons(*process);

    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(created_by(*process, *read, "main.startReceivers"), 20U);
    EXPECT_EQ(created_by(*process, *read, "main.startNested"), 15U);
    EXPECT_EQ(created_by(*process, *read, "main.startLockers"), 4U);
    EXPECT_EQ(created_by(*process, *read, "main.startSleepers"), 5U);
    EXPECT_EQ(created_by(*process, *read, "main.startSelectors"), 3U);
    EXPECT_EQ(created_by(*process, *read, "main.startChildren.func1"), 6U);
    ASSERT_GT(reasons.size(), 20U);
    EXPECT_EQ(reasons[2], "IO wait");
    std::map<std::string, uint64_t> waiting;
    std::set<uint64_t> channels;
    for (const Goroutine& goroutine : read->goroutines) {
        if (goroutine.is_system || goroutine.record.id == 1) continue;
        EXPECT_EQ(goroutine.record.state, GoroutineState::kWaiting);
        ASSERT_LT(goroutine.record.wait_reason, reasons.size());
        ++waiting[reasons[goroutine.record.wait_reason]];
        if (reasons[goroutine.record.wait_reason] == "chan receive") channels.insert(goroutine.channel);
        if (reasons[goroutine.record.wait_reason] == "select") {
            EXPECT_EQ(goroutine.channel, 0U);
        }
    }
    EXPECT_EQ(waiting["chan receive"], 20U + 15 + 1 + 6);
    EXPECT_EQ(waiting["sleep"], 5U);
    EXPECT_EQ(waiting["select"], 3U);
    EXPECT_EQ(channels.size(), 1U);  // all of them wait for one
    EXPECT_FALSE(channels.contains(0));
}

TEST_P(Goroutines, parents_are_known_where_the_runtime_keeps_them) {
    GoPuppet puppet(path());
    puppet.command("start children 6");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto read = read_goroutines(*process);

    ASSERT_TRUE(read) << read.error().message;
    std::map<uint64_t, uint64_t> children;
    for (const Goroutine& goroutine : read->goroutines) ++children[goroutine.record.parent_id];
    const bool has_six =
        std::ranges::any_of(children, [](const auto& one) { return one.first > 1 && one.second == 6; });
    EXPECT_EQ(has_six, process->code().minor_version() >= 21);
}

TEST_P(Goroutines, since_when_they_are_blocked_is_known_from_the_next_collection_on) {
    GoPuppet puppet(path());
    puppet.command("start receivers 5");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    const auto blocked = [&] {
        const auto read = read_goroutines(*process);
        return read ? std::ranges::count_if(
                          read->goroutines,
                          [](const Goroutine& one) { return !one.is_system && one.record.wait_since_ns > 0; })
                    : -1;
    };

    EXPECT_EQ(blocked(), 0);
    puppet.command("collect");

    EXPECT_EQ(blocked(), 5);
}

TEST_P(Goroutines, T38_what_is_read_of_a_busy_program_is_whole) {
    GoPuppet puppet(path());
    puppet.command("start nested 200");
    puppet.command("busy start 20");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    uint64_t torn = 0;
    uint64_t alive = 0;
    for (int i = 0; i < 30; ++i) {
        const auto read = read_goroutines(*process);
        ASSERT_TRUE(read) << read.error().message;
        torn += read->torn;
        alive += read->goroutines.size();
        // Those that are blocked are there each time, with their stacks.
        EXPECT_EQ(created_by(*process, *read, "main.startNested"), 200U);
        std::set<uint64_t> ids;
        for (const Goroutine& goroutine : read->goroutines) {
            EXPECT_TRUE(ids.insert(goroutine.record.id).second) << "listed twice: " << goroutine.record.id;
            if (goroutine.record.state == GoroutineState::kWaiting) {
                EXPECT_NE(goroutine.stack, kNoGoStack);
            }
        }
    }
    puppet.command("busy stop");

    EXPECT_LT(torn, alive / 20);
}

INSTANTIATE_TEST_SUITE_P(Each, Goroutines, all_go_forms(), go_form_name);

}  // namespace
}  // namespace whoholds
