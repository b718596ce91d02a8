#include "stacks/check_one.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "elf/elf_image.h"
#include "stacks/checker.h"

namespace whoholds::stacks {

namespace {

constexpr int kWaitMs = 20;
constexpr int kMaxRuns = 1000;
constexpr int kMaxTimes = 16;  // their events find room in the ring

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Started a moment ago: waits until the dynamic linker has mapped its allocator.
Result<Checker> attach_when_ready(e2e::Process& process, const CheckerOptions& options) {
    constexpr double kPatience = 10;
    const auto start = Clock::now();
    for (;;) {
        auto checker = Checker::attach(process.pid(), options);
        const bool may_come = process.is_running() && seconds_since(start) < kPatience;
        if (checker || checker.error().code != ErrorCode::kNotFound || !may_come) return checker;
        std::this_thread::yield();
    }
}

void add(ProgramReport& report, Checker& checker) {
    const Comparison& comparison = checker.comparison();
    report.tally.add(comparison.tally());
    report.lost += checker.lost();
    report.unique_stacks = std::max(report.unique_stacks, comparison.unique_stacks());
    report.verified_instructions = checker.kernel().verified_instructions();
    for (const std::string& example : comparison.examples()) report.examples.push_back(example);
    for (const std::string& note : comparison.notes()) report.notes.push_back(note);
    for (const std::string& note : checker.kernel().tables().notes()) report.notes.push_back(note);
    std::ranges::sort(report.notes);
    report.notes.erase(std::unique(report.notes.begin(), report.notes.end()), report.notes.end());
}

void run_freely(Checker& checker, e2e::Process* process, uint64_t wanted, double until, Clock::time_point start) {
    while (checker.comparison().tally().events < wanted && seconds_since(start) < until) {
        checker.wait(kWaitMs);
        if (checker.drain() == 0 && process != nullptr && !process->is_running()) break;
    }
    checker.stop();
    checker.drain();
}

// The puppet: one command after the other, and everything is compared before the next one changes what is mapped. Each
// command comes twice, because the tables are told of new code after the first.
void run_commands(Checker& checker, Running& running, uint64_t wanted, double until, Clock::time_point start) {
    for (int times = 1; checker.comparison().tally().events < wanted && seconds_since(start) < until;
         times = std::min(times * 2, kMaxTimes)) {
        for (const std::string& command : running.commands) {
            for (int i = 0; i < 2; i++) {
                running.target->write_line(command + " " + std::to_string(times));
                const std::string answer = running.target->output().next().value_or("");
                if (!answer.starts_with("DONE")) return;
                while (checker.drain() != 0) {}
            }
        }
    }
    checker.stop();
}

// Return probes of strangers on outer frames.
void attach_strangers(Checker& checker, pid_t pid) {
    const auto maps = read_maps({}, pid);
    if (!maps) return;
    for (const Mapping& mapping : *maps) {
        if (!mapping.executable || !mapping.is_file()) continue;
        const auto image = ElfImage::open(mapping.path);
        if (!image) continue;
        const auto symbols = image->function_symbols(
            {}, [](std::string_view name) { return name == "wh_call_with_rbp" || name == "qsort_r"; });
        if (!symbols || symbols->empty()) continue;
        if (const auto offset = image->offset_of(symbols->front().address))
            (void)checker.kernel().attach_stranger(pid, mapping.path, *offset);
    }
}

}  // namespace

Result<ProgramReport> check_program(const Program& program, const CheckLimits& limits) {
    const e2e::TemporaryFolder folder;
    ProgramReport report;
    const auto start = Clock::now();
    for (int run = 0; run < kMaxRuns && report.tally.events < limits.events; run++) {
        if (run > 0 && seconds_since(start) > limits.seconds) break;
        auto running = program.start(folder.path(), run == 0);
        if (!running) return Error{ErrorCode::kNotFound, "it could not be started"};
        const size_t examples = limits.examples - std::min(limits.examples, report.examples.size());
        auto checker = attach_when_ready(*running->target, {.ring_bytes = limits.ring_bytes, .max_examples = examples});
        const bool came_too_late = !checker && run > 0 && !running->target->is_running();
        if (came_too_late) continue;
        if (!checker) return std::move(checker).error();
        if (!running->commands.empty()) attach_strangers(*checker, running->target->pid());
        if (!checker->start()) continue;
        const uint64_t wanted = limits.events - report.tally.events;
        if (running->commands.empty())
            run_freely(*checker, running->target.get(), wanted, limits.seconds, start);
        else
            run_commands(*checker, *running, wanted, limits.seconds, start);
        add(report, *checker);
    }
    report.seconds = seconds_since(start);
    return report;
}

Result<ProgramReport> check_process(pid_t pid, const CheckLimits& limits) {
    ProgramReport report;
    const auto start = Clock::now();
    WH_TRY(Checker checker, Checker::attach(pid, {.ring_bytes = limits.ring_bytes, .max_examples = limits.examples}));
    WH_TRY_VOID(checker.start());
    run_freely(checker, nullptr, limits.events, limits.seconds, start);
    add(report, checker);
    report.seconds = seconds_since(start);
    return report;
}

}  // namespace whoholds::stacks
