// How long it takes to read the goroutines and the heap profile of a large Go program from outside, and what the program notices
// of that: bench_go TARGET [GOROUTINES STACKS ROUNDS WINDOW_MS], TARGET being go_target. Rounds alternate, medians are printed.
// Never fails because of a time.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include "base/human.h"
#include "child.h"
#include "runtime/go/readings.h"

namespace whoholds::bench {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double cpu_ms(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}
// Of this process: on a busy machine the time that matters.
double cpu_ms() { return cpu_ms(CLOCK_PROCESS_CPUTIME_ID); }

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

struct Sizes {
    unsigned long goroutines = 100'000;
    unsigned long stacks = 20'000;
    unsigned long rounds = 7;
    unsigned long window_ms = 2000;
};

uint64_t count_of(Child& target) {
    const auto answer = target.ask("count");
    return answer ? std::strtoull(answer->c_str() + sizeof "DONE", nullptr, 10) : 0;
}

struct Work {
    double per_ms = 0;
    double per_cpu_ms = 0;  // of the target's: what others do on the machine does not matter
};

// What the worker gets done in a window, in which the target is read once a second, or not.
Work work_in_window(Child& target, const GoProcess* process, unsigned long window_ms) {
    clockid_t target_clock{};
    clock_getcpuclockid(target.pid(), &target_clock);
    const uint64_t before = count_of(target);
    const double cpu_before_ms = cpu_ms(target_clock);
    const Clock::time_point begin = Clock::now();
    const Clock::time_point end = begin + std::chrono::milliseconds(window_ms);
    for (Clock::time_point next = begin; Clock::now() < end;) {
        if (process != nullptr) static_cast<void>(read_go(*process, {}, [] {}));
        next += std::chrono::seconds(1);
        std::this_thread::sleep_until(std::min(next, end));
    }
    const double elapsed_ms = ms_since(begin);
    const double cpu_elapsed_ms = cpu_ms(target_clock) - cpu_before_ms;
    const auto done = static_cast<double>(count_of(target) - before);
    return {done / elapsed_ms, done / std::max(cpu_elapsed_ms, 0.001)};
}

// nullopt: it cannot be read.
std::optional<GoProcess> open(pid_t pid) {
    const auto mappings = read_maps({}, pid);
    if (!mappings) return std::nullopt;
    auto process = GoProcess::open({}, pid, *mappings);
    if (process) return *std::move(process);
    fmt::print("cannot be read: {}\n", process.error().message);
    return std::nullopt;
}

int measure(Child& target, const Sizes& sizes) {
    static_cast<void>(target.ask(fmt::format("goroutines {}", sizes.goroutines)));
    static_cast<void>(target.ask(fmt::format("stacks {}", sizes.stacks)));
    const Clock::time_point begin = Clock::now();
    const auto process = open(target.pid());
    if (!process) return 1;
    const double open_ms = ms_since(begin);

    std::vector<double> goroutines_ms;
    std::vector<double> heap_ms;
    std::vector<double> goroutines_cpu_ms;
    std::vector<double> heap_cpu_ms;
    size_t goroutines = 0;
    size_t stacks = 0;
    for (unsigned long i = 0; i < sizes.rounds; ++i) {
        const double first_ms = cpu_ms();
        const Clock::time_point first = Clock::now();
        const auto heap = read_go_heap_profile(*process);
        heap_ms.push_back(ms_since(first));
        const double second_ms = cpu_ms();
        const Clock::time_point second = Clock::now();
        const auto snapshot = read_goroutines(*process);
        goroutines_ms.push_back(ms_since(second));
        heap_cpu_ms.push_back(second_ms - first_ms);
        goroutines_cpu_ms.push_back(cpu_ms() - second_ms);
        if (heap) stacks = heap->sampled.size();
        if (snapshot) goroutines = snapshot->goroutines.size();
    }
    static_cast<void>(target.ask("work"));
    std::vector<double> ratios;
    std::vector<double> cpu_ratios;
    for (unsigned long i = 0; i < sizes.rounds; ++i) {
        const Work alone = work_in_window(target, nullptr, sizes.window_ms);
        const Work read = work_in_window(target, &*process, sizes.window_ms);
        ratios.push_back(read.per_ms / alone.per_ms);
        cpu_ratios.push_back(read.per_cpu_ms / alone.per_cpu_ms);
    }
    fmt::print("opened in {:.0f} ms\n", open_ms);
    fmt::print("{} goroutines read in {:.0f} ms ({:.0f} ms of CPU time)\n", exact_count(goroutines),
               median(goroutines_ms), median(goroutines_cpu_ms));
    fmt::print("{} heap stacks read in {:.0f} ms ({:.0f} ms of CPU time)\n", exact_count(stacks), median(heap_ms),
               median(heap_cpu_ms));
    fmt::print(
        "the target's work while both are read once a second: {:.1f} % of what it does alone, {:.1f} % for "
        "each second of its CPU time\n",
        median(ratios) * 100, median(cpu_ratios) * 100);
    return target.is_running() && goroutines >= sizes.goroutines ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return 2;
    Sizes sizes;
    const std::vector<unsigned long*> places = {&sizes.goroutines, &sizes.stacks, &sizes.rounds, &sizes.window_ms};
    for (size_t i = 1; i < arguments.size() && i <= places.size(); ++i)
        *places[i - 1] = std::max(1UL, std::strtoul(arguments[i].c_str(), nullptr, 10));
    // A processor each: what the target notices is then the reading, not that somebody else is busy, too.
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(1, &own);
    sched_setaffinity(0, sizeof own, &own);
    auto target = Child::start({"taskset", "-c", "0", arguments[0]}, Child::Output::kPipe);
    if (!target) {
        fmt::print("{}\n", target.error().message);
        return 1;
    }
    static_cast<void>(target->ask("count"));
    return measure(*target, sizes);
}

}  // namespace
}  // namespace whoholds::bench

int main(int argc, char** argv) { return whoholds::bench::run({argv + 1, argv + argc}); }
