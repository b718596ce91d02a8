#include "report/steady_order.h"

#include <gmock/gmock.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;

struct Held {
    uint64_t id;
    uint64_t bytes;
};

// As the report comes: most first.
std::vector<uint64_t> order_of(SteadyOrder& steady, std::vector<Held> held) {
    std::ranges::stable_sort(held, std::ranges::greater(), &Held::bytes);
    Report report;
    report.sorted_by = "bytes";
    ProcessReport& process = report.processes.emplace_back();
    for (const Held& one : held) {
        StackReport& stack = process.stacks.emplace_back();
        stack.kind = "heap";
        stack.id = one.id;
        stack.held = {1, one.bytes};
    }
    steady.apply(report);
    std::vector<uint64_t> ids;
    for (const StackReport& stack : report.processes[0].stacks) ids.push_back(stack.id);
    return ids;
}

TEST(SteadyOrder, lines_change_places_only_for_a_clear_difference) {
    SteadyOrder steady;
    EXPECT_THAT(order_of(steady, {{1, 1000}, {2, 990}, {3, 10}}), ElementsAre(1, 2, 3));
    EXPECT_THAT(order_of(steady, {{1, 1000}, {2, 1080}, {3, 10}}), ElementsAre(1, 2, 3));
    EXPECT_THAT(order_of(steady, {{1, 1000}, {2, 1200}, {3, 10}}), ElementsAre(2, 1, 3));
    EXPECT_THAT(order_of(steady, {{1, 1180}, {2, 1200}, {3, 5000}}), ElementsAre(3, 2, 1));
}

TEST(SteadyOrder, a_new_line_comes_where_its_size_is) {
    SteadyOrder steady;
    EXPECT_THAT(order_of(steady, {{1, 1000}, {2, 500}}), ElementsAre(1, 2));
    EXPECT_THAT(order_of(steady, {{1, 1000}, {2, 500}, {3, 501}, {4, 1001}}), ElementsAre(4, 1, 3, 2));
    EXPECT_THAT(order_of(steady, {{2, 500}, {4, 1001}}), ElementsAre(4, 2));
}

TEST(SteadyOrder, kinds_stay_apart) {
    SteadyOrder steady;
    Report report;
    report.sorted_by = "bytes";
    ProcessReport& process = report.processes.emplace_back();
    for (const char* kind : {"heap", "fd", "heap"}) process.stacks.emplace_back().kind = kind;

    steady.apply(report);

    EXPECT_EQ(process.stacks[0].kind, "heap");
    EXPECT_EQ(process.stacks[1].kind, "heap");
    EXPECT_EQ(process.stacks[2].kind, "fd");
}

}  // namespace
}  // namespace whoholds
