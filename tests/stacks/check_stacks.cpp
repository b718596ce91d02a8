// check_stacks: compares the kernel's stack of every allocation with libdw's, on the puppet and on real programs.
// Exit code 1: some differ, or too few are complete; 77: it cannot run here.
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "stacks/check_one.h"

namespace whoholds::stacks {
namespace {

constexpr int kSkipped = 77;
constexpr double kCompleteShare = 0.999;

struct Options {
    uint64_t events = 60'000;
    double seconds = 7;
    uint32_t ring_mib = 64;
    size_t examples = 6;
    bool is_verbose = false;
    pid_t pid = 0;
    std::vector<std::string> names;
};

std::string by_status(const std::array<uint64_t, kStatuses>& counts) {
    static constexpr std::array<const char*, 10> kNames = {
        "done",     "frame pointers", "broken",         "read failed", "too deep",
        "not kept", "no mapping",     "no information", "unsupported", "mappings changed"};
    std::string text;
    for (size_t i = 0; i < counts.size(); i++)
        if (counts[i] != 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", counts[i], i < 10 ? kNames[i] : "?");
    return text.empty() ? "none" : text;
}

void print_report(const std::string& name, const ProgramReport& report, const Options& options) {
    const Tally& tally = report.tally;
    const auto events = static_cast<double>(tally.events);
    fmt::print("{:<9} {:>8} events, {:>8} equal and complete, {} different, incomplete: {} ({} finished by libdw)",
               name, tally.events, tally.equal, tally.different, by_status(tally.incomplete), tally.finished);
    if (tally.sum(tally.unverified) != 0) fmt::print(", not followed by libdw: {}", by_status(tally.unverified));
    fmt::print("; {} unique stacks, {:.1f} frames on average, {:.0f} events/s", report.unique_stacks,
               tally.events != 0 ? static_cast<double>(tally.frames) / events : 0.0, events / report.seconds);
    if (report.lost != 0) fmt::print(", {} not compared for want of room", report.lost);
    fmt::print("\n");
    if (tally.different != 0 || options.is_verbose)
        for (const std::string& example : report.examples) fmt::print("{}", example);
    if (options.is_verbose)
        for (const std::string& note : report.notes) fmt::print("  note: {}\n", note);
    std::fflush(stdout);
}

// The puppet loads libraries all the time and is interrupted in the middle of probes: its share of complete stacks says little.
bool is_good(const Program* program, const Tally& tally) {
    if (tally.events == 0) {
        fmt::print("  no event at all\n");
        return false;
    }
    if (tally.different != 0) return false;
    const bool is_puppet = program != nullptr && std::string_view(program->name) == "puppet";
    if (is_puppet || static_cast<double>(tally.equal) >= kCompleteShare * static_cast<double>(tally.events))
        return true;
    fmt::print("  fewer than {} % are complete\n", kCompleteShare * 100);
    return false;
}

std::string missing_executable(const Program& program) {
    for (const char* name : program.executables)
        if (e2e::find_program(name).empty()) return name;
    return "";
}

int check_all(const Options& options) {
    Tally total;
    bool all_good = true;
    uint32_t verified = 0;
    for (const Program& program : programs()) {
        const bool is_wanted =
            options.names.empty() || std::ranges::find(options.names, program.name) != options.names.end();
        if (!is_wanted) continue;
        if (const std::string missing = missing_executable(program); !missing.empty()) {
            fmt::print("{:<9} SKIPPED: {} is not installed\n", program.name, missing);
            continue;
        }
        const double share = options.names.empty() ? program.share : 1;
        auto report =
            check_program(program, {.events = static_cast<uint64_t>(static_cast<double>(options.events) * share),
                                    .seconds = options.seconds,
                                    .ring_bytes = options.ring_mib << 20,
                                    .examples = options.examples});
        if (!report && report.error().code == ErrorCode::kUnsupported) {
            fmt::print("SKIPPED: {}\n", report.error().message);
            return kSkipped;
        }
        if (!report) {
            fmt::print("{:<9} FAILED: {}\n", program.name, report.error().message);
            all_good = false;
            continue;
        }
        print_report(program.name, *report, options);
        all_good = is_good(&program, report->tally) && all_good;
        total.add(report->tally);
        verified = report->verified_instructions;
    }
    fmt::print(
        "all       {:>8} events, {:>8} equal and complete, {} different, incomplete: {}; the walk's program has {} "
        "verified instructions\n",
        total.events, total.equal, total.different, by_status(total.incomplete), verified);
    return all_good ? 0 : 1;
}

int check_pid(const Options& options) {
    auto report = check_process(options.pid, {.events = options.events,
                                              .seconds = options.seconds,
                                              .ring_bytes = options.ring_mib << 20,
                                              .examples = options.examples});
    if (!report) {
        fmt::print("FAILED: {}\n", report.error().message);
        return 1;
    }
    print_report(std::to_string(options.pid), *report, options);
    return is_good(nullptr, report->tally) ? 0 : 1;
}

}  // namespace
}  // namespace whoholds::stacks

int main(int argc, char** argv) {
    using namespace whoholds::stacks;
    Options options;
    if (std::getenv("WHOHOLDS_LONG_TESTS") != nullptr) options = {.events = 1'000'000, .seconds = 60, .ring_mib = 256};
    CLI::App app("Compares the kernel's stack of every allocation with libdw's.");
    app.add_option("--events", options.events, "how many in all, or of each program that is named");
    app.add_option("--seconds", options.seconds, "at most so long for each program");
    app.add_option("--ring-mib", options.ring_mib, "room for events on their way, a power of two")
        ->check(CLI::Range(1, 1024));
    app.add_option("--examples", options.examples, "stacks to print of each program");
    app.add_flag("--verbose", options.is_verbose, "print examples of incomplete stacks, too");
    app.add_option("-p,--pid", options.pid, "a running process instead of the programs");
    app.add_option("programs", options.names, "only these: puppet python redis sqlite node cc1plus clang rust");
    CLI11_PARSE(app, argc, argv);
    if (geteuid() != 0) {
        fmt::print("SKIPPED: loading BPF programs needs root\n");
        return kSkipped;
    }
    return options.pid != 0 ? check_pid(options) : check_all(options);
}
