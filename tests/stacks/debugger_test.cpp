// Stacks of the puppet against gdb's, which has an unwinder of its own: first gdb looks, then we do, at the same process doing the
// same once more.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "elf/elf_image.h"
#include "stacks/puppet_fixture.h"

namespace whoholds::stacks {
namespace {

using Counts = std::map<Frames, uint64_t>;

// Those that do the same each time: no threads, and no timer. Not fibers: gdb guesses where makecontext made them return to.
constexpr std::array kScenarios = {"templates",    "standard_library",     "regular_expressions",
                                   "exceptions",   "calls_without_return", "quick_sort",
                                   "stack_arrays", "realigned_frames",     "tail_calls",
                                   "c_library",    "raised_signals",       "busy_frame_pointer",
                                   "ledger",       "deep_recursion",       "code_without_information"};

std::string addresses_of(pid_t pid, const std::vector<std::string_view>& names) {
    std::string addresses;
    const auto maps = read_maps({}, pid);
    if (!maps) return "";
    for (const Mapping& mapping : *maps) {
        if (!mapping.executable || mapping.path.find("/libc.so.6") == std::string::npos) continue;
        const auto image = ElfImage::open(mapping.path);
        if (!image) continue;
        const auto symbols = image->function_symbols(
            {}, [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); });
        if (!symbols) continue;
        for (const ElfSymbol& symbol : *symbols) {
            const uint64_t address = *image->offset_of(symbol.address) - mapping.file_offset + mapping.start;
            addresses += fmt::format("{}{:#x}", addresses.empty() ? "" : ",", address);
        }
    }
    return addresses;
}

std::string text_of(const Frames& frames) {
    std::string text;
    for (uint64_t frame : frames) text += fmt::format(" {:x}", frame);
    return text;
}

class DebuggerTest : public PuppetFixture {
protected:
    void run_all() {
        for (const char* scenario : kScenarios) run(scenario);
    }

    Counts stacks_by_debugger() {
        const e2e::TemporaryFolder folder;
        const std::string output = folder.path() + "/stacks.json";
        const std::string pid = std::to_string(puppet_->pid());
        e2e::Process debugger(
            {.command = {"gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", pid, "-x",
                         WH_DEBUGGER_SCRIPT},
             .environment = {"WH_FUNCTIONS=" + addresses_of(puppet_->pid(), {"malloc", "calloc", "realloc"}),
                             "WH_END=stacks::print_ledger", "WH_OUTPUT=" + output},
             .in_child = nullptr});
        if (!debugger.output().next_with("ready")) {
            ADD_FAILURE() << debugger.errors().all();
            return {};
        }
        run_all();
        command("ledger");
        debugger.wait();
        Counts counts;
        const auto stacks = nlohmann::json::parse(std::ifstream(output), nullptr, false);
        for (const auto& stack : stacks) counts[stack["frames"].get<Frames>()] += stack["count"].get<uint64_t>();
        return counts;
    }
};

TEST_F(DebuggerTest, backtraces_of_gdb_are_the_same) {
    if (e2e::find_program("gdb").empty()) GTEST_SKIP() << "gdb is not installed";
    run_all();  // what is done only once is done now
    // First gdb: it never inserts its breakpoints at functions that were probed before (gdb 13).
    Counts debugger = stacks_by_debugger();
    attach();
    run_all();
    checker_->stop();
    checker_->drain();
    expect_no_difference();

    uint64_t equal = 0;
    for (const Seen& seen : seen_) {
        Frames frames = seen.frames;
        for (uint64_t& frame : frames) frame &= ~WH_FRAME_EXACT;
        auto found = debugger.find(frames);
        if (found == debugger.end() && seen.status != WH_STACK_DONE) {
            found = std::ranges::find_if(debugger, [&](const auto& entry) {
                return entry.first.size() >= frames.size() &&
                       std::equal(frames.begin(), frames.end(), entry.first.begin());
            });
        }
        ASSERT_NE(found, debugger.end()) << "gdb saw no such stack:" << text_of(frames);
        equal++;
        if (--found->second == 0) debugger.erase(found);
    }
    for (const auto& [frames, count] : debugger) ADD_FAILURE() << count << " only by gdb:" << text_of(frames);
    EXPECT_GT(equal, 500u);
    fmt::print("{} events, all as gdb sees them\n", equal);
}

}  // namespace
}  // namespace whoholds::stacks
