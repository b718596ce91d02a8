#include "analyze/js_buffers.h"

#include <gmock/gmock.h>

#include "bpf/shared/resource_kinds.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;

Record block(uint64_t key, uint32_t stack, uint64_t time_ns) {
    Record record;
    record.type = RecordType::kAcquire;
    record.kind = WH_KIND_HEAP;
    record.process = 2;
    record.key = key;
    record.size = 100;
    record.stack = stack;
    record.time_ns = time_ns;
    return record;
}

StackReport row(uint32_t stack, const char* function) {
    StackReport row;
    row.kind = "heap";
    row.stacks = {stack};
    row.held_by_slice = {9, 9, 9};
    Frame frame;
    frame.function = function;
    row.frames = {frame};
    return row;
}

TEST(JsBuffers, are_judged_if_a_census_reached_them_or_they_came_since) {
    constexpr uint64_t kSecond = 1'000'000'000;
    Aggregator aggregator(1000);
    aggregator.on_record(block(0x10, 5, kSecond));
    aggregator.on_record(block(0x20, 5, kSecond));      // not reached
    aggregator.on_record(block(0x30, 5, 3 * kSecond));  // reached
    aggregator.on_record(block(0x40, 5, 5 * kSecond));  // came since
    aggregator.on_record(block(0x50, 6, kSecond));      // no buffer
    ProcessReport process;
    process.js_censuses = 1;
    process.slice_ends_s = {2, 4, 6};
    process.stacks = {row(5, "v8::internal::BackingStore::Allocate"), row(6, "operator new")};

    keep_live_buffers(aggregator, 2, {{0x10, 0x30}, 4 * kSecond, 0}, process);

    EXPECT_THAT(process.stacks[0].held_by_slice, ElementsAre(1, 1, 1));
    EXPECT_THAT(process.stacks[1].held_by_slice, ElementsAre(9, 9, 9));
}

}  // namespace
}  // namespace whoholds
