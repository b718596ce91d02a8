// What following goroutines costs a Go program: processor time for a `go` statement and its end, bare, with empty programs at the same
// probes, and under whoholds. bench_go_goroutines [--goroutines N] [--rounds N] WHOHOLDS TARGET..., TARGET being go_goroutines_target.
// Rounds alternate, medians are printed. Never fails because of a time.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "child.h"
#include "empty_probes.h"
#include "proc/process.h"

namespace whoholds::bench {
namespace {

struct Options {
    unsigned goroutines = 100'000;
    unsigned rounds = 5;
    std::string whoholds;
    std::vector<std::string> targets;
};

Result<double> measure(Child& target, unsigned goroutines) {
    WH_TRY(const std::string answer, target.ask(fmt::format("go {}", goroutines)));
    unsigned long long count = 0;
    unsigned long long spent_ns = 0;
    if (std::sscanf(answer.c_str(), "DONE %llu %llu", &count, &spent_ns) != 2 || count == 0)  // NOLINT(cert-err34-c)
        return Error{ErrorCode::kMalformed, "the target answered " + answer};
    return static_cast<double>(spent_ns) / static_cast<double>(count);
}

struct Places {
    std::string path;
    std::vector<uint64_t> offsets;
    size_t emulated = 0;
};

Result<Places> plan_places(pid_t pid) {
    const ProcRoot proc;
    WH_TRY(const std::vector<Mapping> mappings, read_maps(proc, pid));
    const AttachPlan plan = make_plan(pid, mappings, PlanOptions{}, open_elf_of(proc, pid));
    for (const ModulePlan& module : plan.modules) {
        Places places{.path = module.open_path, .offsets = {}};
        for (const PlannedGoProbe& probe : module.go_probes)
            for (const GoProbeSite& site : probe.sites) {
                places.offsets.push_back(site.offset);
                places.emulated += site.emulated ? 1 : 0;
            }
        if (!places.offsets.empty()) return places;
    }
    return Error{ErrorCode::kNotFound, "there is nothing to probe"};
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

// Its probes are there by its first report.
Result<Child> attach(const Options& options, const Child& target) {
    WH_TRY(Child tool,
           Child::start({options.whoholds, "-p", std::to_string(target.pid()), "--kind", "goroutine", "--json", "1"},
                        Child::Output::kPipe));
    WH_TRY(const std::string report, tool.ask(""));
    static_cast<void>(report);
    return tool;
}

Result<void> bench(const Options& options, const EmptyProbes& empty, const std::string& path) {
    WH_TRY(Child target, Child::start({path}, Child::Output::kPipe));
    WH_TRY(const double warm_ns, measure(target, options.goroutines));
    static_cast<void>(warm_ns);
    WH_TRY(const Places places, plan_places(target.pid()));
    std::vector<double> bare;
    std::vector<double> with_empty;
    std::vector<double> followed;
    for (unsigned round = 0; round < options.rounds; ++round) {
        WH_TRY(const double bare_ns, measure(target, options.goroutines));
        bare.push_back(bare_ns);
        {
            WH_TRY(const UniqueFd link, empty.attach_at(target.pid(), places.path, places.offsets));
            WH_TRY(const double empty_ns, measure(target, options.goroutines));
            with_empty.push_back(empty_ns);
        }
        WH_TRY(Child tool, attach(options, target));
        WH_TRY(const double ns, measure(target, options.goroutines));
        followed.push_back(ns);
        tool.interrupt_and_wait();
    }
    fmt::print(
        "{}: a goroutine takes {:.2f} us of processor time; with empty programs at the {} probes ({} of them emulated) "
        "{:.2f} us "
        "({:.1f} times); followed {:.2f} us ({:.1f} times)\n",
        path.substr(path.rfind('/') + 1), median(bare) / 1000, places.offsets.size(), places.emulated,
        median(with_empty) / 1000, median(with_empty) / median(bare), median(followed) / 1000,
        median(followed) / median(bare));
    return {};
}

int run(const Options& options) {
    constexpr int kSkipped = 77;
    const auto empty = EmptyProbes::load();
    if (!empty) {
        fmt::print("{}\n", empty.error().message);
        return kSkipped;
    }
    for (const std::string& target : options.targets) {
        if (const auto done = bench(options, *empty, target); !done) {
            fmt::print("{}: {}\n", target, done.error().message);
            return 1;
        }
    }
    return 0;
}

}  // namespace
}  // namespace whoholds::bench

int main(int argc, char** argv) {
    whoholds::bench::Options options;
    CLI::App app{"What following goroutines costs"};
    app.add_option("--goroutines", options.goroutines, "In each measurement");
    app.add_option("--rounds", options.rounds, "Alternating rounds");
    app.add_option("whoholds", options.whoholds)->required();
    app.add_option("targets", options.targets)->required();
    CLI11_PARSE(app, argc, argv);
    return whoholds::bench::run(options);
}
