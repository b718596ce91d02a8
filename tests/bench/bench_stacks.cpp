// What the stack of one call costs, for stacks of 14, 26 and 56 frames: a probe on malloc with an empty program, with the kernel's
// bpf_get_stackid (which follows frame pointers, and finds two frames of them), and with the walk of whoholds, up to a number for
// the stack. One probe, at the place where whoholds would put it. Measured interleaved, in rounds; prints medians, judges nothing.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "attach/attach_plan.h"
#include "bpf/kernel_features.h"
#include "bpf/shared/call_shape.h"
#include "bpf/tracer.h"
#include "bpf/unwind_tables.h"
#include "bpf/uprobe_link.h"
#include "child.h"
#include "proc/process.h"
#include "stacks.skel.h"

namespace whoholds::bench {
namespace {

constexpr int kSkipped = 77;  // CMake's SKIP_RETURN_CODE
constexpr int kDepths[] = {14, 26, 56};

struct Options {
    unsigned rounds = 9;
    unsigned window_ms = 200;
    std::string target = WH_BENCH_STACKS_TARGET;
};

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct Site {
    std::string path;
    uint64_t offset = 0;
    uint32_t pushed_words = 0;
};

Result<Site> site_of_malloc(pid_t pid, const std::vector<Mapping>& maps) {
    AttachPlan plan = make_plan(pid, maps, PlanOptions{}, open_elf_of(ProcRoot{}, pid));
    for (const ModulePlan& module : plan.modules)
        for (const PlannedProbe& probe : module.probes)
            if (probe.symbol == "malloc")
                return Site{module.open_path, probe.probe_offset(),
                            static_cast<uint32_t>(WH_SHAPE_GET(probe.shape, PUSHED_WORDS))};
    return Error{ErrorCode::kNotFound, "the planner found no malloc in the puppet"};
}

class Programs {
public:
    Programs() = default;
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;
    ~Programs() { stacks_bench__destroy(skeleton_); }

    Result<void> load(const Site& site) {
        libbpf_set_print(nullptr);
        skeleton_ = stacks_bench__open();
        if (!skeleton_) return system_error("open the BPF programs", errno);
        skeleton_->rodata->pushed_words = site.pushed_words;
        constexpr uint32_t kStackBuckets = 8192;
        wh_config config{};
        config.stack_bucket_mask = kStackBuckets - 1;
        config.no_stack_base = kStackBuckets * WH_STACK_WAYS + 1;
        std::memcpy(&skeleton_->rodata->config, &config, sizeof(config));
        bpf_map__set_max_entries(skeleton_->maps.stacks, kStackBuckets);
        bpf_map__set_max_entries(skeleton_->maps.ring, 8 << 20);
        bpf_program* program = nullptr;
        bpf_object__for_each_program(program, skeleton_->obj)
            bpf_program__set_expected_attach_type(program, kTraceUprobeMulti);
        if (int status = stacks_bench__load(skeleton_); status != 0)
            return system_error("load the BPF programs", -status);
        site_ = site;
        return {};
    }

    Result<UnwindTables> tables() const {
        return UnwindTables::open({.arena = bpf_map__fd(skeleton_->maps.arena),
                                   .mappings = bpf_map__fd(skeleton_->maps.mappings),
                                   .processes = bpf_map__fd(skeleton_->maps.unwind_processes),
                                   .rules = skeleton_->bss->rules,
                                   .rule_cache = skeleton_->bss->rule_cache});
    }

    Result<UniqueFd> attach(const bpf_program* program, pid_t pid) const {
        const uint64_t offsets[] = {site_.offset};
        const uint64_t cookies[] = {0};
        UniqueFd link(create_uprobe_multi(
            bpf_program__fd(program),
            {.path = site_.path, .offsets = offsets, .cookies = cookies, .pid = pid, .is_return = false}));
        if (!link) return system_error("attach to malloc", errno);
        return link;
    }

    [[nodiscard]] stacks_bench* operator->() const { return skeleton_; }

private:
    stacks_bench* skeleton_ = nullptr;
    Site site_;
};

Result<double> measure(Child& target, int frames, unsigned window_ms) {
    WH_TRY(std::string answer, target.ask(fmt::format("deep {} {}", frames, window_ms)));
    unsigned long long pairs = 0;
    unsigned long long spent_ns = 0;
    if (std::sscanf(answer.c_str(), "DONE %llu %llu", &pairs, &spent_ns) != 2 || pairs == 0)  // NOLINT(cert-err34-c)
        return Error{ErrorCode::kMalformed, fmt::format("the puppet answered '{}'", answer)};
    return static_cast<double>(spent_ns) / static_cast<double>(pairs);
}

struct Row {
    std::string name;
    const bpf_program* program = nullptr;  // null: bare
    std::map<int, std::vector<double>> ns = {};
};

// That what is measured is right: every stack complete, and as deep as it was asked for.
Result<void> check_walk(Child& target, const Programs& programs) {
    for (int frames : kDepths) {
        programs->bss->stacks_seen = programs->bss->frames_seen = programs->bss->complete_seen = 0;
        WH_TRY(UniqueFd link, programs.attach(programs->progs.look_at_stack, target.pid()));
        WH_TRY(double ignored, measure(target, frames, 5));
        static_cast<void>(ignored);
        const auto& seen = *programs->bss;
        if (seen.stacks_seen == 0) return Error{ErrorCode::kSystem, "the probe on malloc was never hit"};
        fmt::print("asked for {} frames: {:.1f} walked, {} of {} stacks complete\n", frames,
                   static_cast<double>(seen.frames_seen) / static_cast<double>(seen.stacks_seen), seen.complete_seen,
                   seen.stacks_seen);
    }
    return {};
}

void print_table(const std::vector<Row>& rows, const Options& options) {
    utsname system{};
    ::uname(&system);
    fmt::print(
        "\nmalloc(32) + free, a probe on malloc only; nanoseconds a pair, median of {} rounds of {} ms, Linux {}\n\n",
        options.rounds, options.window_ms, system.release);
    fmt::print("{:<18}", "");
    for (int frames : kDepths) fmt::print("|{:>6} frames  + empty  x empty ", frames);
    fmt::print("\n");
    for (const Row& row : rows) {
        fmt::print("{:<18}", row.name);
        for (int frames : kDepths) {
            double ns = median(row.ns.at(frames));
            double empty = median(rows[1].ns.at(frames));
            fmt::print("|{:>13.1f} {:>8.1f} {:>8.2f} ", ns, ns - empty, ns / empty);
        }
        fmt::print("\n");
    }
}

Result<int> run(const Options& options) {
    if (!has_uprobe_multi()) {
        fmt::print("skipped: this needs root and a kernel with uprobe_multi (Linux 6.6)\n");
        return kSkipped;
    }
    WH_TRY(Child target, Child::start({options.target}, Child::Output::kPipe));
    WH_TRY(double ignored, measure(target, kDepths[0], 1));
    static_cast<void>(ignored);
    WH_TRY(std::vector<Mapping> maps, read_maps(ProcRoot{}, target.pid()));
    WH_TRY(Site site, site_of_malloc(target.pid(), maps));
    Programs programs;
    WH_TRY_VOID(programs.load(site));
    WH_TRY(UnwindTables tables, programs.tables());
    WH_TRY(uint32_t layout,
           tables.update(0, ProcRoot{}, target.pid(), {.maps = maps, .exec_pages = 0, .loader_tells = true}));
    static_cast<void>(layout);
    WH_TRY_VOID(check_walk(target, programs));

    std::vector<Row> rows;
    rows.push_back({"bare"});
    rows.push_back({"empty probe", programs->progs.empty});
    rows.push_back({"bpf_get_stackid", programs->progs.kernel_stack});
    rows.push_back({"whoholds' walk", programs->progs.whoholds_stack});
    for (unsigned round = 0; round < options.rounds; round++) {
        for (Row& row : rows) {
            UniqueFd link;
            if (row.program) {
                WH_TRY(link, programs.attach(row.program, target.pid()));
            }
            for (int frames : kDepths) {
                WH_TRY(double ns, measure(target, frames, options.window_ms));
                row.ns[frames].push_back(ns);
            }
        }
        fmt::print(stderr, "round {} of {}\n", round + 1, options.rounds);
    }
    print_table(rows, options);
    return 0;
}

}  // namespace
}  // namespace whoholds::bench

int main(int argc, char** argv) {
    whoholds::bench::Options options;
    CLI::App app("What the stack of a call costs");
    app.add_option("--rounds", options.rounds, "Rounds; the median is printed")->check(CLI::Range(1, 1000));
    app.add_option("--window-ms", options.window_ms, "Length of each measurement")->check(CLI::Range(1, 60000));
    app.add_option("--target", options.target, "The puppet (bench_stacks_target)");
    CLI11_PARSE(app, argc, argv);
    auto status = whoholds::bench::run(options);
    if (status) return *status;
    fmt::print(stderr, "bench_stacks: {}\n", status.error().message);
    return 1;
}
