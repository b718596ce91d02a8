// What it costs to trace malloc and free: bare, with empty probes where whoholds would place them, with empty probes at the
// functions' entries, with whoholds, and with a bpftrace script that does the same. Measured interleaved, in rounds; prints
// medians and ratios and judges nothing.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "child.h"
#include "empty_probes.h"
#include "proc/process.h"

namespace whoholds::bench {
namespace {

constexpr int kSkipped = 77;  // CMake's SKIP_RETURN_CODE
constexpr std::chrono::seconds kAttachPatience{30};
constexpr double kTracedAtLeastTimesBare = 4;  // the cheapest probe is an exception into the kernel

struct Options {
    unsigned rounds = 7;
    unsigned window_ms = 300;
    std::string target = WH_BENCH_TARGET;
    std::string whoholds = WH_BENCH_WHOHOLDS;
};

struct Samples {  // nanoseconds a pair of malloc and free takes its thread
    std::vector<double> one_thread;
    std::vector<double> all_threads;
};

// One way to look at the target: attach() gives back what keeps it attached.
struct Tool {
    std::string name;
    std::function<Result<std::function<void()>>()> attach;  // returns how to detach
    Samples samples = {};
    std::string why_not = "";
};

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Result<double> measure(Child& target, const std::string& command) {
    WH_TRY(std::string answer, target.ask(command));
    unsigned long long pairs = 0;
    unsigned long long spent_ns = 0;
    if (std::sscanf(answer.c_str(), "DONE %llu %llu", &pairs, &spent_ns) != 2 || pairs == 0) {  // NOLINT(cert-err34-c)
        return Error{ErrorCode::kMalformed, fmt::format("the puppet answered '{}' to '{}'", answer, command)};
    }
    return static_cast<double>(spent_ns) / static_cast<double>(pairs);
}

Result<void> warm_up(Child& target) {
    WH_TRY(const double ignored, measure(target, "all 100"));
    static_cast<void>(ignored);
    return {};
}

struct Sites {
    ProbeSites best;
    ProbeSites entry;
    std::string said;  // how the planner placed them
};

const PlannedProbe* find_probe(const ModulePlan& module, std::string_view symbol) {
    for (const PlannedProbe& probe : module.probes) {
        bool is_alias = std::find(probe.aliases.begin(), probe.aliases.end(), symbol) != probe.aliases.end();
        if (probe.symbol == symbol || is_alias) return &probe;
    }
    return nullptr;
}

Result<Sites> plan_sites(pid_t pid) {
    ProcRoot proc;
    WH_TRY(std::vector<Mapping> mappings, read_maps(proc, pid));
    AttachPlan plan = make_plan(pid, mappings, PlanOptions{}, open_elf_of(proc, pid));
    for (const ModulePlan& module : plan.modules) {
        const PlannedProbe* malloc_probe = find_probe(module, "malloc");
        const PlannedProbe* free_probe = find_probe(module, "free");
        if (!malloc_probe || !free_probe) continue;
        Sites sites;
        sites.best = {module.open_path, malloc_probe->probe_offset(), free_probe->probe_offset()};
        sites.entry = {module.open_path, malloc_probe->entry_offset, free_probe->entry_offset};
        sites.said =
            fmt::format("{}: malloc+{} {} ({}), free+{} {} ({})", module.path, malloc_probe->placement.delta,
                        malloc_probe->placement.instruction, malloc_probe->placement.emulated ? "emulated" : "stepped",
                        free_probe->placement.delta, free_probe->placement.instruction,
                        free_probe->placement.emulated ? "emulated" : "stepped");
        return sites;
    }
    return Error{ErrorCode::kNotFound, "the planner found no module of the puppet with malloc and free"};
}

// A tool that is a program: started, and waited for until its probes are felt in the target, since no tool but ours says so.
Result<std::function<void()>> start_tool(Child& target, const std::vector<std::string>& command) {
    WH_TRY(double bare_ns, measure(target, "single 20"));
    WH_TRY(Child child, Child::start(command, Child::Output::kDiscard));
    auto tool = std::make_shared<Child>(std::move(child));
    auto give_up_at = std::chrono::steady_clock::now() + kAttachPatience;
    for (double traced_ns = 0; traced_ns < bare_ns * kTracedAtLeastTimesBare;) {
        if (!tool->is_running()) return Error{ErrorCode::kSystem, command.front() + " ended by itself"};
        if (std::chrono::steady_clock::now() > give_up_at) {
            return Error{ErrorCode::kSystem, command.front() + " attached nothing that could be felt"};
        }
        WH_TRY(traced_ns, measure(target, "single 20"));
    }
    // The first of a tool's probes is felt before the last one is attached.
    WH_TRY_VOID(warm_up(target));
    return std::function<void()>([tool] { tool->interrupt_and_wait(); });
}

// What whoholds tells, as a bpftrace script: size and stack of each block that is held, totals for each stack.
std::string bpftrace_script(const std::string& library, uint32_t tgid) {
    return fmt::format(
        "uprobe:{0}:malloc /pid == {1}/ {{ @size[tid] = arg0; }} "
        "uretprobe:{0}:malloc /pid == {1} && @size[tid]/ {{ "
        "@held[retval] = @size[tid]; @by[retval] = ustack(20); @total[ustack(20)] = sum(@size[tid]); "
        "delete(@size[tid]); }} "
        "uprobe:{0}:free /pid == {1} && @held[arg0]/ {{ delete(@held[arg0]); delete(@by[arg0]); }}",
        library, tgid);
}

Result<uint32_t> learn_tgid(Child& target, const EmptyProbes& probes, const ProbeSites& sites) {
    WH_TRY(UniqueFd link, probes.attach_learning(target.pid(), sites));
    WH_TRY(double ignored, measure(target, "single 1"));
    static_cast<void>(ignored);
    if (uint32_t tgid = probes.learned_tgid(); tgid != 0) return tgid;
    return Error{ErrorCode::kSystem, "a probe on malloc was attached but never hit"};
}

std::vector<Tool> make_tools(Child& target, const EmptyProbes& probes, const Sites& sites, uint32_t tgid,
                             const Options& options) {
    auto empty = [&target, &probes](const ProbeSites& where) -> Result<std::function<void()>> {
        WH_TRY(Links links, probes.attach(target.pid(), where));
        auto kept = std::make_shared<Links>(std::move(links));
        return std::function<void()>([kept] { *kept = Links{}; });
    };
    auto nothing = []() -> Result<std::function<void()>> { return std::function<void()>([] {}); };

    std::vector<Tool> tools;
    tools.push_back({"bare", nothing});
    tools.push_back({"empty probes, best placed", [empty, &sites] { return empty(sites.best); }});
    tools.push_back({"empty probes at function entry", [empty, &sites] { return empty(sites.entry); }});
    tools.push_back({"whoholds", [&target, &options] {
                         return start_tool(target, {options.whoholds, "-p", std::to_string(target.pid())});
                     }});
    tools.push_back({"bpftrace script", [&target, &sites, tgid] {
                         return start_tool(target, {"bpftrace", "-e", bpftrace_script(sites.best.path, tgid)});
                     }});
    if (::access("/usr/bin/bpftrace", X_OK) != 0) tools.back().why_not = "bpftrace is not installed";
    return tools;
}

Result<void> run_round(Child& target, std::vector<Tool>& tools, const Options& options) {
    for (Tool& tool : tools) {
        if (!tool.why_not.empty()) continue;
        auto detach = tool.attach();
        if (!detach) {
            tool.why_not = detach.error().message;
            continue;
        }
        WH_TRY(double one_ns, measure(target, fmt::format("single {}", options.window_ms)));
        WH_TRY(double all_ns, measure(target, fmt::format("all {}", options.window_ms)));
        (*detach)();
        tool.samples.one_thread.push_back(one_ns);
        tool.samples.all_threads.push_back(all_ns);
    }
    return {};
}

std::string columns(double value_ns, double bare_ns, double best_ns) {
    return fmt::format("{:>9.1f} {:>8.2f} {:>7.2f}", value_ns, value_ns / bare_ns, value_ns / best_ns);
}

void print_table(const std::vector<Tool>& tools, const Sites& sites, const Options& options) {
    utsname system{};
    ::uname(&system);
    fmt::print(
        "malloc(32) + free at the bottom of 14 calls, nanoseconds a pair, median of {} rounds of {} ms, Linux {}\n",
        options.rounds, options.window_ms, system.release);
    fmt::print("best placed is {}\n\n", sites.said);
    fmt::print("{:<31}|{:^28}|{:^28}\n", "", "1 thread", fmt::format("{} threads", ::sysconf(_SC_NPROCESSORS_ONLN)));
    fmt::print("{:<31}|{:>10} {:>8} {:>7} |{:>10} {:>8} {:>7}\n", "", "ns", "x bare", "x best", "ns", "x bare",
               "x best");
    double bare_one = median(tools[0].samples.one_thread);
    double bare_all = median(tools[0].samples.all_threads);
    double best_one = median(tools[1].samples.one_thread);
    double best_all = median(tools[1].samples.all_threads);
    for (const Tool& tool : tools) {
        if (!tool.why_not.empty()) {
            fmt::print("{:<31}| skipped: {}\n", tool.name, tool.why_not);
            continue;
        }
        fmt::print("{:<31}| {} | {}\n", tool.name, columns(median(tool.samples.one_thread), bare_one, best_one),
                   columns(median(tool.samples.all_threads), bare_all, best_all));
    }
}

Result<int> run(const Options& options) {
    auto probes = EmptyProbes::load();
    if (!probes && probes.error().code == ErrorCode::kPermission) {
        fmt::print("skipped: {}\n", probes.error().message);
        return kSkipped;
    }
    if (!probes) return std::move(probes).error();

    WH_TRY(Child target, Child::start({options.target}, Child::Output::kPipe));
    WH_TRY_VOID(warm_up(target));  // libc is mapped and every thread's arena exists
    WH_TRY(Sites sites, plan_sites(target.pid()));
    WH_TRY(uint32_t tgid, learn_tgid(target, *probes, sites.best));

    std::vector<Tool> tools = make_tools(target, *probes, sites, tgid, options);
    for (unsigned round = 0; round < options.rounds; round++) {
        WH_TRY_VOID(run_round(target, tools, options));
        fmt::print(stderr, "round {} of {}\n", round + 1, options.rounds);
    }
    print_table(tools, sites, options);
    // bpftrace may be missing; what is ours may not.
    for (const Tool& tool : tools) {
        if (!tool.why_not.empty() && tool.name != "bpftrace script") return 1;
    }
    return 0;
}

}  // namespace
}  // namespace whoholds::bench

int main(int argc, char** argv) {
    whoholds::bench::Options options;
    CLI::App app("What tracing malloc and free costs");
    app.add_option("--rounds", options.rounds, "Rounds; the median is printed")->check(CLI::Range(1, 1000));
    app.add_option("--window-ms", options.window_ms, "Length of each measurement")->check(CLI::Range(1, 60000));
    app.add_option("--target", options.target, "The puppet (bench_target)");
    app.add_option("--whoholds", options.whoholds, "The whoholds to measure");
    CLI11_PARSE(app, argc, argv);
    auto status = whoholds::bench::run(options);
    if (status) return *status;
    fmt::print(stderr, "bench_probes: {}\n", status.error().message);
    return 1;
}
