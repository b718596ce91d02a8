// How long it takes to read a large Go heap by type, the first time and again, and what the program notices of that:
// bench_go_types TARGET [MIB ROUNDS], TARGET being go_target. Rounds alternate, medians are printed. Never fails because of a time.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/human.h"
#include "child.h"
#include "runtime/go/type_reading.h"

namespace whoholds::bench {
namespace {

using Clock = std::chrono::steady_clock;

double cpu_ms(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Effort {
    double ms = 0;
    double cpu_ms = 0;
    double system_ms = 0;  // of cpu_ms, in the kernel
    double faults = 0;
};

Effort effort_of(const std::function<void()>& what) {
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    const double cpu_before = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
    const Clock::time_point begin = Clock::now();
    what();
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    const double cpu = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    getrusage(RUSAGE_SELF, &after);
    const auto system_ms = [](const rusage& usage) {
        return static_cast<double>(usage.ru_stime.tv_sec) * 1e3 + static_cast<double>(usage.ru_stime.tv_usec) / 1e3;
    };
    return {ms, cpu, system_ms(after) - system_ms(before), static_cast<double>(after.ru_minflt - before.ru_minflt)};
}

void print(const char* what, const Effort& effort) {
    fmt::print("{}: {:.0f} ms, {:.0f} ms of CPU time ({:.0f} ms of it in the kernel), {:.0f} page faults\n", what,
               effort.ms, effort.cpu_ms, effort.system_ms, effort.faults);
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

struct Work {
    double per_ms = 0;
    double per_cpu_ms = 0;  // of the target's: what others do on the machine does not matter
};

uint64_t count_of(Child& target) {
    const auto answer = target.ask("count");
    return answer ? std::strtoull(answer->c_str() + sizeof "DONE", nullptr, 10) : 0;
}

Work work_while(Child& target, const std::function<void()>& what) {
    clockid_t target_clock{};
    clock_getcpuclockid(target.pid(), &target_clock);
    const uint64_t before = count_of(target);
    const double cpu_before_ms = cpu_ms(target_clock);
    const Clock::time_point begin = Clock::now();
    what();
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    const double target_cpu_ms = cpu_ms(target_clock) - cpu_before_ms;
    const auto done = static_cast<double>(count_of(target) - before);
    return {done / ms, done / std::max(target_cpu_ms, 0.001)};
}

int measure(Child& target, unsigned long mib, unsigned long rounds) {
    static_cast<void>(target.ask(fmt::format("heap {}", mib)));
    const auto mappings = read_maps({}, target.pid());
    if (!mappings) return 1;
    const auto process = GoProcess::open({}, target.pid(), *mappings);
    if (!process) {
        fmt::print("cannot be read: {}\n", process.error().message);
        return 1;
    }
    GoTypeReader reader;
    GoTypeReading reading;
    const auto read = [&] {
        reading = reader.read(
            *process, [](const auto&) { return GoTypeReader::Wanted(); }, [] { return true; });
    };
    const Effort first = effort_of(read);
    if (!reading.problem.empty()) {
        fmt::print("{}\n", reading.problem);
        return 1;
    }
    fmt::print("{} objects, {}, {} of it read, {} kinds\n", exact_count(reading.objects), human_bytes(reading.bytes),
               human_bytes(reading.read_bytes), reading.rows.size());
    print("read by type the first time", first);
    std::vector<Effort> again;
    for (unsigned long i = 0; i < rounds; ++i) again.push_back(effort_of(read));
    std::ranges::sort(again, {}, &Effort::ms);
    print("again", again[again.size() / 2]);
    print("with who holds its descriptors", effort_of([&] {
              reading = reader.read(
                  *process, [](const auto&) { return GoTypeReader::Wanted{.types = {}, .descriptors = true}; },
                  [] { return true; });
          }));
    static_cast<void>(target.ask("walk"));
    std::vector<double> ratios;
    std::vector<double> cpu_ratios;
    for (unsigned long i = 0; i < rounds; ++i) {
        const auto pause = std::chrono::milliseconds(static_cast<long>(again[again.size() / 2].ms));
        const Work alone = work_while(target, [&] { std::this_thread::sleep_for(pause); });
        const Work observed = work_while(target, read);
        ratios.push_back(observed.per_ms / alone.per_ms);
        cpu_ratios.push_back(observed.per_cpu_ms / alone.per_cpu_ms);
    }
    fmt::print(
        "the target's work while it is read: {:.1f} % of what it does alone, {:.1f} % for each second of its CPU time "
        "{}\n",
        median(ratios) * 100, median(cpu_ratios) * 100, reading.problem);
    return target.is_running() ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return 2;
    const auto number = [&](size_t i, unsigned long otherwise) {
        return i < arguments.size() ? std::max(1UL, std::strtoul(arguments[i].c_str(), nullptr, 10)) : otherwise;
    };
    // The target has one processor; we take what is left of the machine, as in life.
    auto target = Child::start({"taskset", "-c", "0", arguments[0]}, Child::Output::kPipe);
    if (!target) {
        fmt::print("{}\n", target.error().message);
        return 1;
    }
    static_cast<void>(target->ask("count"));
    return measure(*target, number(1, 1000), number(2, 7));
}

}  // namespace
}  // namespace whoholds::bench

int main(int argc, char** argv) { return whoholds::bench::run({argv + 1, argv + argc}); }
