#include "analyze/stack_groups.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

Frame frame_of(const std::string& function, int line, uint64_t address) {
    return {.function = function,
            .raw_function = function,
            .file = line > 0 ? "shop.cpp" : "",
            .line = line,
            .module = "/usr/bin/shop",
            .address = address,
            .module_address = address & 0xffff};
}

std::string key(std::vector<Frame> frames) { return key_of_frames(frames); }

TEST(KeyOfFrames, T33_addresses_do_not_matter_where_lines_are_known) {
    EXPECT_EQ(key({frame_of("sell", 7, 0x1000), frame_of("main", 20, 0x2000)}),
              key({frame_of("sell", 7, 0x1080), frame_of("main", 20, 0x2010)}));
}

TEST(KeyOfFrames, T33_what_reads_differently_differs) {
    const Frame plain = frame_of("sell", 7, 0x1000);
    Frame other_file = plain;
    other_file.file = "market.cpp";
    Frame other_module = plain;
    other_module.module = "/usr/lib/libshop.so";
    Frame inlined = plain;
    inlined.inlined = true;
    for (const Frame& other :
         {other_file, other_module, inlined, frame_of("sell", 8, 0x1000), frame_of("buy", 7, 0x1000)})
        EXPECT_NE(key({plain}), key({other}));
    EXPECT_NE(key({plain}), key({plain, plain}));
}

TEST(KeyOfFrames, T33_without_lines_two_calls_in_one_function_differ) {
    EXPECT_NE(key({frame_of("sell", 0, 0x1000)}), key({frame_of("sell", 0, 0x1008)}));
    EXPECT_EQ(key({frame_of("sell", 0, 0x1000)}), key({frame_of("sell", 0, 0x1000)}));
}

TEST(KeyOfFrames, T33_code_that_is_compiled_again_reads_the_same) {
    Frame first = frame_of("LazyCompile:~sell", 0, 0x1000);
    first.module = "[jit]";
    Frame again = first;
    again.address = again.module_address = 0x9000;
    EXPECT_EQ(key({first}), key({again}));
}

class GroupStacks : public testing::Test {
protected:
    GroupStacks() { symbolizer_.update_mappings({}); }
    // One stack of one held block of 10 bytes.
    void add(uint32_t stack, std::vector<uint64_t> frames, uint32_t status = WH_STACK_DONE) {
        Record record;
        record.type = RecordType::kStack;
        record.kind = WH_KIND_HEAP;
        record.stack = stack;
        record.hash = stack;
        record.stack_status = status;
        record.frames = frames;
        aggregator_.on_record(record);
        ProfileStack row;
        row.stack = stack;
        row.kind = WH_KIND_HEAP;
        row.held = {1, 10};
        row.acquired = {3, 30};
        row.released = {2, 20};
        row.oldest_ns = 100 - stack;
        stacks_.push_back(row);
    }
    std::vector<StackGroup> groups() {
        return group_stacks(stacks_, aggregator_, {symbolizer_, {}}, [] {});
    }

    Aggregator aggregator_{1000};
    Symbolizer symbolizer_{ProcRoot{}, getpid()};
    std::vector<ProfileStack> stacks_;
};

TEST_F(GroupStacks, T33_sums_are_exact) {
    add(1, {0x1000, 0x2000});
    add(2, {0x1000, 0x3000});
    add(3, {0x1000, 0x2000});

    auto found = groups();

    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].stacks, (std::vector<uint32_t>{1, 3}));
    EXPECT_EQ(found[0].sum.held, (Amount{2, 20}));
    EXPECT_EQ(found[0].sum.acquired, (Amount{6, 60}));
    EXPECT_EQ(found[0].sum.released, (Amount{4, 40}));
    EXPECT_EQ(found[0].sum.oldest_ns, 97u);
    EXPECT_EQ(found[1].stacks, (std::vector<uint32_t>{2}));
}

TEST_F(GroupStacks, a_row_of_a_script_keeps_its_number_when_its_code_is_compiled_anew) {
    add(5, {0x1000});
    add(3, {0x2000});
    add(7, {0x1000}, WH_STACK_READ_FAILED);
    Frame script = frame_of("sell", 7, 0);
    script.module = "[javascript]";
    const auto id_of = [this](const Frame& frame, std::vector<uint32_t> stacks) {
        return id_of_row({&frame, 1}, stacks, aggregator_);
    };

    EXPECT_EQ(id_of(script, {5}), id_of(script, {5, 3}));
    EXPECT_NE(id_of(script, {5}), id_of(script, {7}));
    EXPECT_EQ(id_of(frame_of("sell", 7, 0x1000), {5, 3}), 3U);
}

TEST_F(GroupStacks, incomplete_ones_stay_apart) {
    add(1, {0x1000});
    add(2, {0x1000}, WH_STACK_NO_MAPPING);
    add(3, {0x1000}, WH_STACK_READ_FAILED);
    EXPECT_EQ(groups().size(), 3u);
}

TEST_F(GroupStacks, without_frames_nothing_says_that_they_are_the_same) {
    add(1, {});
    add(2, {});
    EXPECT_EQ(groups().size(), 2u);
}

}  // namespace
}  // namespace whoholds
