// The target outlives the tool, whatever happens to the tool: its ledger stays intact, no probe stays behind.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "e2e/places.h"
#include "e2e/whoholds.h"
#include "proc/process.h"

namespace whoholds::e2e {
namespace {

using nlohmann::json;

double rate_of(const std::string& answer) {
    double rate = 0;
    const size_t at = answer.find("rate=");
    if (at != std::string::npos) std::sscanf(answer.c_str() + at, "rate=%lf", &rate);
    return rate;
}

// The target's executable pages of files, where they differ from the file: a breakpoint that stayed. "" when they agree.
std::string changed_code(pid_t pid) {
    const auto mappings = read_maps({}, pid);
    if (!mappings) return mappings.error().message;
    const std::string proc = "/proc/" + std::to_string(pid);
    const UniqueFd memory(open((proc + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    for (const Mapping& mapping : *mappings) {
        if (!mapping.executable || !mapping.is_file()) continue;
        const UniqueFd file(open((proc + "/root" + mapping.path).c_str(), O_RDONLY | O_CLOEXEC));
        std::string in_memory(mapping.end - mapping.start, '\0');
        std::string in_file = in_memory;
        const ssize_t file_size =
            pread(file.get(), in_file.data(), in_file.size(), static_cast<off_t>(mapping.file_offset));
        const ssize_t memory_size =
            pread(memory.get(), in_memory.data(), in_memory.size(), static_cast<off_t>(mapping.start));
        if (file_size < 0 || memory_size < file_size) return "cannot read " + mapping.path;
        in_memory.resize(static_cast<size_t>(file_size));
        in_file.resize(static_cast<size_t>(file_size));
        if (in_memory != in_file) return mapping.path;
    }
    return "";
}

// The kernel takes probes away some time after their owner's end; one that stays ends the test by its time limit.
void wait_for_original_code(pid_t pid) {
    while (!changed_code(pid).empty()) sched_yield();
}

TEST_F(E2eTest, probes_are_visible_in_the_code_while_attached) {
    Puppet puppet("ledger");
    wait_for_original_code(puppet.pid());

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    const std::string changed = changed_code(puppet.pid());
    whoholds.finish();

    EXPECT_NE(changed.find("libc"), std::string::npos) << changed;
    wait_for_original_code(puppet.pid());
}

TEST_F(E2eTest, tool_killed_under_load_leaves_the_target_unharmed) {
    const int rounds = long_tests() ? 100 : 6;
    Puppet puppet("ledger");
    const double before = rate_of(puppet.command("run 1"));
    puppet.command("start");

    for (int i = 0; i < rounds; i++) {
        Whoholds whoholds = Whoholds::attach(puppet.pid());
        whoholds.process().send_signal(SIGKILL);
        EXPECT_EQ(whoholds.wait(), 128 + SIGKILL);
    }
    wait_for_original_code(puppet.pid());
    puppet.command("stop");
    const double after = rate_of(puppet.command("run 1"));

    std::printf("operations per second: %.0f before, %.0f after %d kills\n", before, after, rounds);
    EXPECT_TRUE(puppet.process().is_running());
    puppet.command("drain");  // checks the marks in every block
}

// Killed while it attaches: at any moment between the first line of its life and the last probe.
TEST_F(E2eTest, tool_killed_while_attaching_leaves_the_target_unharmed) {
    Puppet puppet("ledger");
    puppet.command("start");

    for (int delay_us = 0; delay_us < 400'000; delay_us += 20'000) {
        Process tool({.command = {whoholds_path(), "-p", std::to_string(puppet.pid())}});
        usleep(static_cast<useconds_t>(delay_us));
        tool.send_signal(SIGKILL);
        tool.wait();
    }
    wait_for_original_code(puppet.pid());
    puppet.command("stop");

    EXPECT_TRUE(puppet.process().is_running());
    puppet.command("drain");
}

TEST_F(E2eTest, fresh_tool_after_a_kill_counts_exactly) {
    Puppet puppet("ledger");
    puppet.command("start");
    {
        Whoholds killed = Whoholds::attach(puppet.pid());
        killed.process().send_signal(SIGKILL);
        killed.wait();
    }
    puppet.command("stop");

    Whoholds whoholds = Whoholds::attach(puppet.pid());
    puppet.command("mark");
    puppet.command("run 0.5");
    const json ledger = puppet.command_json("ledger");
    const ReportReader report = whoholds.finish();

    for (const json& site : ledger["sites"]) {
        EXPECT_EQ(report.caller(site["function"].get<std::string>()).acquired, sum_of(site["acquired"])) << site;
        EXPECT_EQ(report.caller(site["function"].get<std::string>()).released, sum_of(site["released"])) << site;
    }
}

// Attached in full flight, and detached in full flight: nothing is exact about the first moments, but nothing breaks, and what
// is acquired and released adds up.
TEST_F(E2eTest, attach_and_detach_under_load) {
    Puppet puppet("ledger");
    puppet.command("start");

    for (int i = 0; i < 5; i++) {
        const ReportReader report = Whoholds::attach(puppet.pid()).finish();

        const Totals heap = report.kind("heap");
        EXPECT_EQ(heap.held.count, heap.acquired.count - heap.released.count - heap.lost.count);
        EXPECT_EQ(heap.held.bytes, heap.acquired.bytes - heap.released.bytes - heap.lost.bytes);
    }
    puppet.command("stop");

    puppet.command("drain");
    EXPECT_TRUE(puppet.process().is_running());
}

TEST_F(E2eTest, reader_that_goes_away_ends_the_tool) {
    Puppet puppet("traps");

    Process tool(
        {.command = {"sh", "-c", whoholds_path() + " -p " + std::to_string(puppet.pid()) + " --json 0.1 | head -n 1"}});
    const int exit_code = tool.wait();

    EXPECT_EQ(exit_code, 0);
    EXPECT_TRUE(puppet.process().is_running());
}

}  // namespace
}  // namespace whoholds::e2e
