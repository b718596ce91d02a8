#include "report/cut_report.h"

#include <gmock/gmock.h>

namespace whoholds {
namespace {

using ::testing::ElementsAre;

Report wide_report() {
    Report report;
    ProcessReport& process = report.processes.emplace_back();
    for (uint64_t id = 1; id <= 5; id++) {
        StackReport stack;
        stack.kind = "heap";
        stack.id = id;
        stack.held.count = id == 3 ? 0 : 1;
        process.stacks.push_back(stack);
    }
    process.connections.resize(4);
    return report;
}

std::vector<uint64_t> ids_of(const Report& report) {
    std::vector<uint64_t> ids;
    for (const StackReport& stack : report.processes[0].stacks) ids.push_back(stack.id);
    return ids;
}

TEST(CutReport, keeps_the_first_and_those_that_findings_name) {
    Report report = wide_report();
    report.processes[0].findings.push_back({.stack_ids = {5}});

    cut_report(report, 1);

    EXPECT_THAT(ids_of(report), ElementsAre(1, 5));
    EXPECT_EQ(report.processes[0].connections.size(), 1U);
    EXPECT_EQ(report.processes[0].connection_groups_omitted, 3U);
}

TEST(CutReport, what_holds_nothing_is_shown_only_by_total) {
    Report by_bytes = wide_report();
    Report by_total = wide_report();
    by_total.sorted_by = "total";

    cut_report(by_bytes, 10);
    cut_report(by_total, 10);

    EXPECT_THAT(ids_of(by_bytes), ElementsAre(1, 2, 4, 5));
    EXPECT_THAT(ids_of(by_total), ElementsAre(1, 2, 3, 4, 5));
}

}  // namespace
}  // namespace whoholds
