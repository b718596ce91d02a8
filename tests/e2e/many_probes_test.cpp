// Hundreds of probe points in one process: what is counted is exact, and how long attaching and detaching take is printed.
#include <chrono>
#include <iostream>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

constexpr unsigned kPools = 16;
constexpr unsigned kFunctionsOfPool = 8;

std::vector<std::string> pairs_of_all_pools() {
    std::vector<std::string> arguments;
    for (unsigned pool = 0; pool < kPools; pool++) {
        const std::string name = "pool" + std::string(1, static_cast<char>('a' + pool));
        arguments.insert(arguments.end(), {"--pair", name + "_take_*/" + name + "_give_*"});
    }
    return arguments;
}

TEST_F(E2eTest, T34_more_than_300_probe_points) {
    Puppet puppet("many");
    using Clock = std::chrono::steady_clock;
    const auto ms = [](Clock::duration time) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    };
    std::vector<std::string> arguments = pairs_of_all_pools();
    arguments.insert(arguments.end(), {"-p", std::to_string(puppet.pid()), "86400"});

    Whoholds whoholds(arguments);
    const auto line = whoholds.process().errors().next_with("attached to");
    ASSERT_TRUE(line.has_value()) << whoholds.errors();
    puppet.command("take 8");
    puppet.command("give 3");
    const auto begin = Clock::now();
    const ReportReader report = whoholds.finish();
    const auto end = Clock::now();

    EXPECT_GE(report.probes().size(), 300U);
    unsigned kinds = 0;
    const json found = report.process()["kinds"];
    for (const auto& [name, unused] : found.items()) {
        if (!name.starts_with("pair:")) continue;
        kinds++;
        EXPECT_EQ(report.kind(name), (Totals{{5, 5}, {kFunctionsOfPool, kFunctionsOfPool}, {3, 3}, {}})) << name;
    }
    EXPECT_EQ(kinds, kPools);
    // Not asserted: what it takes depends on the machine.
    std::cout << *line << "; from the interrupt to the end, with the final report: " << ms(end - begin) << " ms for "
              << report.probes().size() << " functions and system calls\n";
}

}  // namespace
}  // namespace whoholds::e2e
