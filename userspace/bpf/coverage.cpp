#include "bpf/coverage.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/human.h"
#include "bpf/shared/counters.h"
#include "bpf/shared/old_kernel.h"

namespace whoholds {

namespace {

// What an event costs the target, in microseconds, on a machine with dear traps (tests/bench measures yours). Only for the
// estimate in the coverage section.
constexpr double kEmulatedTrapUs = 0.45;
constexpr double kSteppedTrapUs = 4.4;
constexpr double kReturnTrapUs = 0.35;
constexpr double kProgramUs = 0.15;
constexpr double kTracepointUs = 0.35;
constexpr double kJsSampleUs = 10;   // a walk each time, or a look at all samples
constexpr double kGoSampleUs = 2.5;  // a walk each time

struct CounterRow {
    wh_counter counter;
    const char* name;
    bool loses;
    const char* sentence;
};

constexpr CounterRow kCounters[] = {
#define X(enumerator, name, loses, sentence) {enumerator, name, (loses) != 0, sentence},
    WH_COUNTERS(X)
#undef X
};

constexpr size_t kMostNotes = 5;
constexpr int64_t kSilentGrowthBytes = 1 << 20;

bool shows_go_heap(const ProcessReport& process) {
    return std::ranges::find(process.kinds, "go_heap", &KindReport::kind) != process.kinds.end();
}

}  // namespace

void CoverageMeter::add_target(const Tracer& tracer, const Target& target, const ProcessReport& process,
                               Coverage& coverage) {
    const char* how = tracer.options().method == AttachMethod::kUprobeMulti ? "uprobe_multi" : "perf uprobe";
    uint64_t seen = 0;
    for (const AttachedProbe& probe : target.probes().probes()) {
        uint64_t hits = tracer.probe_hits(probe.probe);
        seen += hits;
        double price = (probe.emulated ? kEmulatedTrapUs : kSteppedTrapUs) + kProgramUs;
        if (probe.has_return) price += kReturnTrapUs + kProgramUs;
        price_now_us_ += static_cast<double>(hits) * price;
        coverage.probes.push_back({probe.symbol, probe.module, probe.offset, hits, how, target.pid()});
    }
    for (const AttachedProbe& probe : target.go_samples().probes()) {
        const uint64_t hits = tracer.probe_hits(probe.probe);
        coverage.events_seen += hits;
        price_now_us_ +=
            static_cast<double>(hits) * ((probe.emulated ? kEmulatedTrapUs : kSteppedTrapUs) + kGoSampleUs);
        coverage.probes.push_back({probe.symbol, probe.module, probe.offset, hits, how, target.pid()});
    }
    for (const AttachedProbe& probe : target.js_samples().probes()) {
        const uint64_t hits = tracer.probe_hits(probe.probe);
        coverage.events_seen += hits;
        price_now_us_ +=
            static_cast<double>(hits) * ((probe.emulated ? kEmulatedTrapUs : kSteppedTrapUs) + kJsSampleUs);
        coverage.probes.push_back({probe.symbol, probe.module, probe.offset, hits, how, target.pid()});
    }
    target.js_samples().add_notes(coverage);
    coverage.events_seen += seen;
    for (const Skipped& skipped : target.skipped()) {  // once for all processes that run the same files
        const bool is_known = std::ranges::any_of(coverage.skipped, [&](const SkippedReport& one) {
            return one.what == skipped.what && one.why == skipped.why;
        });
        if (!is_known) coverage.skipped.push_back({skipped.what, skipped.why});
    }
    if (target.acquiring_probe_count() == 0 && !target.follows_resources() && !target.reads_go() &&
        !target.follows_js_heap() && !target.waits_at_loader)
        coverage.warnings.push_back(
            fmt::format("NO PROBE ATTACHED in pid {}: nothing can be seen; `whoholds plan -p {}` says why",
                        target.pid(), target.pid()));
    else if (target.misses_memory() && !target.waits_at_loader && !shows_go_heap(process))
        coverage.warnings.push_back(
            fmt::format("MEMORY IS NOT SEEN in pid {}: no function that takes heap or mappings could be probed; "
                        "`whoholds plan -p {}` says why. Descriptors and threads are followed",
                        target.pid(), target.pid()));
    else if (seen == 0 && process.uptime_s > 0 && process.rss_change_bytes > kSilentGrowthBytes &&
             !shows_go_heap(process) && !target.follows_js_heap())
        coverage.warnings.push_back(fmt::format(
            "NOTHING SEEN in pid {} although its RSS grew by {}: it takes its memory in a way that is not probed "
            "(its own allocator, direct system calls); `whoholds plan -p {}` shows what is attached",
            target.pid(), human_bytes(static_cast<uint64_t>(process.rss_change_bytes)), target.pid()));
}

void CoverageMeter::finish(const Tracer& tracer, const Aggregator& aggregator, double time_s, Coverage& coverage) {
    if (tracer.follows_system_calls()) {
        const uint64_t hits = tracer.probe_hits(WH_TRACEPOINT_PROBE);
        coverage.events_seen += hits;
        price_now_us_ += static_cast<double>(hits) * (kTracepointUs + kProgramUs);
        coverage.probes.push_back({"sys_exit", "", 0, hits, "tracepoint", 0});
        coverage.notes.emplace_back(
            "system calls are seen by the tracepoint sys_exit: every process of the machine pays a little for each of "
            "its "
            "own while whoholds runs");
    }
    if (tracer.options().method == AttachMethod::kPerfWithoutCookies)
        coverage.notes.push_back(
            fmt::format("programs for Linux before 5.15: every block travels, also those that die young, which costs "
                        "more; calls of threads "
                        "beyond {} at once are not recorded",
                        exact_count(WH_OLD_KERNEL_THREADS)));
    for (const CounterRow& row : kCounters) {
        uint64_t value = tracer.counter(row.counter);
        if (row.counter == WH_COUNTER_HEALED) value += aggregator.healed();
        if (value == 0) continue;
        coverage.losses.push_back({.name = row.name, .sentence = row.sentence, .value = value, .loses = row.loses});
        if (row.loses) coverage.events_lost += value;
    }
    double elapsed_s = time_s - time_before_s_;
    if (elapsed_s > 0) {
        coverage.events_per_s = static_cast<double>(coverage.events_seen - seen_before_) / elapsed_s;
        coverage.cost_core_percent = (price_now_us_ - price_before_us_) / elapsed_s / 1e6 * 100;
    }
    seen_before_ = coverage.events_seen;
    price_before_us_ = price_now_us_;
    price_now_us_ = 0;
    time_before_s_ = time_s;
    const UnwindTables::Statistics unwind = tracer.unwind_tables().statistics();
    if (unwind.rows > 0)
        coverage.notes.push_back(
            fmt::format("unwind tables: {} rows of {} files, {} ({:.1f} bytes a row), made in {:.0f} ms",
                        exact_count(unwind.rows), unwind.files, human_bytes(unwind.table_bytes),
                        static_cast<double>(unwind.table_bytes) / static_cast<double>(unwind.rows), unwind.build_ms));
    const std::vector<std::string>& unread = tracer.unwind_tables().notes();
    for (size_t i = 0; i < std::min(unread.size(), kMostNotes); i++)
        coverage.notes.push_back("unwind information: " + unread[i]);
    coverage.notes.push_back(fmt::format("tables in the kernel: {}, and {} a thread; held in whoholds: {} blocks",
                                         human_bytes(tracer.kernel_memory_bytes()),
                                         human_bytes(tracer.thread_state_bytes()),
                                         exact_count(aggregator.blocks_held())));
}

}  // namespace whoholds
