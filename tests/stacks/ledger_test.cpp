// Stacks of the puppet against what is known of it without any unwinder.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "stacks/puppet_fixture.h"

namespace whoholds::stacks {
namespace {

class LedgerTest : public PuppetFixture {};

TEST_F(LedgerTest, every_stack_is_the_one_that_the_puppet_wrote_down) {
    attach();
    for (int i = 0; i < 3; i++) run("ledger", 2);
    const auto ledger = nlohmann::json::parse(command("ledger"), nullptr, false);
    ASSERT_TRUE(ledger.is_object());

    std::map<Frames, uint64_t> expected;
    std::set<uint64_t> levels;
    for (const auto& entry : ledger["stacks"]) {
        const Frames frames = entry["frames"].get<Frames>();
        expected[frames] += entry["count"].get<uint64_t>();
        levels.insert(frames.begin(), frames.end());
    }
    std::map<Frames, uint64_t> seen;
    for (const Seen& one : seen_) {
        if (one.frames[0] != ledger["leaf"].get<uint64_t>()) continue;
        EXPECT_EQ(one.status, WH_STACK_DONE);
        Frames known;
        std::ranges::copy_if(one.frames, std::back_inserter(known), [&](uint64_t pc) { return levels.contains(pc); });
        seen[known]++;
    }
    EXPECT_GE(expected.size(), 15u);
    EXPECT_EQ(seen, expected);
    expect_no_difference();
}

TEST_F(LedgerTest, stacks_of_ordinary_code_are_complete) {
    attach();
    for (const char* scenario : {"templates", "standard_library", "regular_expressions", "exceptions",
                                 "calls_without_return", "quick_sort", "stack_arrays", "realigned_frames", "tail_calls",
                                 "c_library", "threads", "raised_signals", "alternate_stack", "busy_frame_pointer"}) {
        run(scenario);
        EXPECT_FALSE(seen_.empty()) << scenario;
        EXPECT_TRUE(std::ranges::all_of(seen_, [](const Seen& one) { return one.status == WH_STACK_DONE; }))
            << scenario;
        seen_.clear();
    }
    expect_no_difference();
    EXPECT_EQ(checker_->comparison().tally().equal, checker_->comparison().tally().events);
}

TEST_F(LedgerTest, code_without_information_makes_a_stack_incomplete) {
    attach();
    run("code_without_information", 5);

    ASSERT_FALSE(seen_.empty());
    for (const Seen& one : seen_) EXPECT_EQ(one.status, WH_STACK_NO_INFORMATION);
    expect_no_difference();
}

TEST_F(LedgerTest, deeper_than_a_record_is_said) {
    attach();
    run("deep_recursion");

    EXPECT_TRUE(std::ranges::any_of(seen_, [](const Seen& one) {
        return one.status == WH_STACK_TOO_DEEP && one.frames.size() == WH_STACK_MAX_FRAMES;
    }));
    expect_no_difference();
}

// The libraries' code is of the same length at the same place, their frames differ in size: a stack that was walked by the
// other one's table would be complete and wrong.
TEST_F(LedgerTest, T17_libraries_that_take_turns_at_one_place_never_give_a_stale_stack) {
    attach();
    const auto is_complete = [](const Seen& one) { return one.status == WH_STACK_DONE; };
    for (int turn = 0; turn < 30; turn++) {
        const std::string scenario = turn % 2 == 0 ? "even_library" : "odd_library";
        run(scenario);
        EXPECT_FALSE(std::ranges::all_of(seen_, is_complete)) << "nobody has looked at the new mappings yet";
        seen_.clear();
        run(scenario, 3);

        EXPECT_EQ(seen_.size(), 3u);
        EXPECT_TRUE(std::ranges::all_of(seen_, is_complete)) << scenario << ", " << turn;
        seen_.clear();
    }
    expect_no_difference();
}

TEST_F(LedgerTest, return_probes_of_others_on_outer_frames_are_seen_through) {
    attach();
    const auto image = ElfImage::open(WH_STACKS_PUPPET);
    ASSERT_TRUE(image);
    const auto symbols = image->function_symbols({}, [](std::string_view name) { return name == "wh_call_with_rbp"; });
    ASSERT_TRUE(symbols && symbols->size() == 1);
    const auto attached = checker_->kernel().attach_stranger(puppet_->pid(), WH_STACKS_PUPPET,
                                                             *image->offset_of(symbols->front().address));
    ASSERT_TRUE(attached) << attached.error().message;
    run("busy_frame_pointer", 3);

    ASSERT_FALSE(seen_.empty());
    for (const Seen& one : seen_) EXPECT_EQ(one.status, WH_STACK_DONE);
    expect_no_difference();
}

}  // namespace
}  // namespace whoholds::stacks
