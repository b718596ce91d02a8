#include "analyze/go_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "analyze/go_stack_rows.h"
#include "analyze/goroutine_items.h"
#include "analyze/headline.h"
#include "base/human.h"
#include "bpf/shared/records.h"

namespace whoholds {
namespace {

bool is_wanted(const ReportOptions& options, std::string_view kind) {
    return options.kinds.empty() || std::ranges::find(options.kinds, kind) != options.kinds.end();
}

// The outer functions of an allocation, where nothing but the runtime is in a stack.
bool only_allocates(const Frame& frame) {
    constexpr auto kNames =
        std::to_array<std::string_view>({"runtime.mallocgc", "runtime.newobject", "runtime.newarray",
                                         "runtime.makeslice", "runtime.growslice", "runtime.makechan"});
    return std::ranges::any_of(kNames, [&](std::string_view name) { return frame.function.starts_with(name); });
}

// What of a stack is the program's own doing: without the runtime's innermost frames.
class ShownPart {
public:
    explicit ShownPart(Symbolizer& symbolizer) : symbolizer_(symbolizer) {}

    std::vector<uint64_t> of(const std::vector<uint64_t>& stack) {
        auto first = std::ranges::find_if(stack, [&](uint64_t pc) { return part_of(pc) == Part::kProgram; });
        if (first == stack.end())
            first = std::ranges::find_if(stack, [&](uint64_t pc) { return part_of(pc) == Part::kRuntime; });
        std::vector<uint64_t> shown(first == stack.end() ? stack.begin() : first, stack.end());
        while (shown.size() > 1 && part_of(shown.back()) == Part::kEnd) shown.pop_back();
        return shown;
    }

private:
    enum class Part : uint8_t { kProgram, kRuntime, kAllocation, kEnd };

    Part part_of(uint64_t pc) {
        const auto [found, is_new] = parts_.try_emplace(pc, Part::kProgram);
        if (!is_new) return found->second;
        const Frame frame = symbolizer_.symbolize(pc).front();
        if (is_go_runtime(frame)) found->second = only_allocates(frame) ? Part::kAllocation : Part::kRuntime;
        if (frame.function == "runtime.goexit") found->second = Part::kEnd;
        return found->second;
    }

    Symbolizer& symbolizer_;
    absl::flat_hash_map<uint64_t, Part> parts_;
};

}  // namespace

void GoRows::look(GoReadings readings, std::vector<std::string> wait_reasons, double time_s, uint64_t now_ns) {
    ledger_.look(readings, time_s);
    last_ = std::move(readings);
    wait_reasons_ = std::move(wait_reasons);
    last_look_ns_ = now_ns;
    last_look_s_ = time_s;
    has_looked_ = true;
}

void GoRows::fill_heap(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
                       ProcessReport& report) const {
    // Each address is one call of the source, whatever else is inlined there.
    GoStackRows rows(
        [&](uint64_t pc) {
            std::vector<Frame> frames = symbolizer.symbolize(pc);
            frames.resize(1);
            frames.front().inlined = false;
            return frames;
        },
        true);
    ShownPart shown_part(symbolizer);
    size_t done = 0;
    for (const auto& [stack, tally] : ledger_.heap()) {
        rows.add(shown_part.of(stack), tally);
        if (++done % 512 == 0) pause();
    }
    report.kinds.insert(report.kinds.begin(),
                        describe_go_kind(kGoHeapKind, "Go heap", ledger_.heap_total(), rows.size()));
    report.stack_count += rows.size();
    std::vector<StackReport> stacks;
    for (const GoStackRow* row : rows.best(options.sort, options.top)) {
        stacks.push_back(rows.describe(*row));
        stacks.back().kind = kGoHeapKind;
        stacks.back().headline = headline_of(stacks.back().frames, report.exe);
    }
    report.stacks.insert(report.stacks.begin(), std::make_move_iterator(stacks.begin()),
                         std::make_move_iterator(stacks.end()));
}

void GoRows::fill_goroutines(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
                             ProcessReport& report) const {
    GoStackRows rows([&](uint64_t pc) { return symbolizer.symbolize(pc); }, false);
    for (const auto& [creator, tally] : ledger_.goroutines()) rows.add({creator}, tally);
    pause();
    GoroutineItems items({.snapshot = *last_.goroutines,
                          .ledger = ledger_,
                          .wait_reasons = wait_reasons_,
                          .now_ns = last_look_ns_,
                          .now_s = last_look_s_},
                         symbolizer);
    KindReport kind = describe_go_kind(kGoroutineKind, "goroutines", ledger_.goroutine_total(), rows.size());
    kind.oldest_s = items.oldest_s();
    kind.oldest_is_at_least = kind.oldest_s.has_value();
    report.kinds.push_back(std::move(kind));
    report.stack_count += rows.size();
    for (const GoStackRow* row : rows.best(options.sort, options.top)) {
        StackReport stack = rows.describe(*row);
        stack.kind = kGoroutineKind;
        stack.headline = headline_of(stack.frames, report.exe);
        std::vector<uint64_t> creators;
        for (const auto& addresses : row->stacks) creators.push_back(addresses.front());
        items.describe(creators, stack);
        report.stacks.push_back(std::move(stack));
        pause();
    }
}

void GoRows::describe_traced(const TracedGoroutines& traced, Symbolizer& symbolizer, const std::function<void()>& pause,
                             ProcessReport& report) const {
    GoroutineItems items({.snapshot = *last_.goroutines,
                          .ledger = ledger_,
                          .wait_reasons = wait_reasons_,
                          .now_ns = last_look_ns_,
                          .now_s = last_look_s_,
                          .traced = &traced},
                         symbolizer);
    for (KindReport& kind : report.kinds) {
        if (kind.kind != kGoroutineKind) continue;
        kind.oldest_s = items.oldest_s();
        kind.oldest_is_at_least = kind.oldest_s.has_value();
        if (report.go)
            report.go->goroutines = kind.held.count;  // of one moment: some begin and end after the list was read
    }
    for (StackReport& stack : report.stacks) {
        if (stack.kind != kGoroutineKind) continue;
        items.describe(std::vector<uint64_t>(stack.stacks.begin(), stack.stacks.end()), stack);
        pause();
    }
}

void GoRows::add_notes(Coverage& coverage, bool is_traced) const {
    for (const std::string& problem : last_.problems) coverage.warnings.push_back("GO IS NOT READ WHOLLY: " + problem);
    if (last_.heap && last_.heap->rate_bytes > 1)
        coverage.notes.push_back(
            fmt::format("Go heap: estimated from the runtime's profile, one sample per {}, as of the last collection",
                        human_bytes(last_.heap->rate_bytes)));
    // Samples do not say at which rate they were taken; pprof is misled in the same way.
    constexpr uint64_t kSmallHeapBytes = 64 << 20;
    if (last_.facts && ledger_.heap_total().held.bytes > 2 * last_.facts->heap_in_use_bytes + kSmallHeapBytes)
        coverage.warnings.push_back(
            fmt::format("GO HEAP IS NOT {}, though its profile makes it that: the runtime has {} of heap in use. The "
                        "program changed the rate of samples while it ran; shares of stacks are not right either",
                        human_bytes(ledger_.heap_total().held.bytes), human_bytes(last_.facts->heap_in_use_bytes)));
    if (!last_.goroutines) return;
    if (!is_traced)
        coverage.notes.emplace_back(
            "goroutines are counted at each report; those that begin and end in between are not seen");
    if (last_.goroutines->torn > 0)
        coverage.notes.push_back(fmt::format("goroutines that changed each time they were read, not listed: {}",
                                             exact_count(last_.goroutines->torn)));
}

void GoRows::fill(const ReportOptions& options, Symbolizer& symbolizer, const std::function<void()>& pause,
                  ProcessReport& report, Coverage& coverage, const TracedGoroutines* traced) const {
    if (!has_looked_) return;
    if (last_.facts) {
        GoReport go{.facts = *last_.facts, .collections_per_min = ledger_.collections_per_min()};
        const GoRuntimeFacts& facts = *last_.facts;
        const uint64_t taken =
            facts.heap_in_use_bytes + facts.heap_idle_bytes + facts.goroutine_stack_bytes + facts.other_bytes;
        if (report.memory.anon_bytes > 0)
            go.outside_bytes_at_least = report.memory.anon_bytes - std::min(taken, report.memory.anon_bytes);
        if (last_.goroutines) {
            for (const Goroutine& goroutine : last_.goroutines->goroutines)
                ++(goroutine.is_system ? go.system_goroutines : go.goroutines);
            go.torn_goroutines = last_.goroutines->torn;
        }
        report.go = go;
    }
    const bool has_profile = last_.heap && last_.heap->rate_bytes != 0;
    if (has_profile && is_wanted(options, kGoHeapKind)) fill_heap(options, symbolizer, pause, report);
    if (last_.goroutines && is_wanted(options, kGoroutineKind)) {
        if (traced)
            describe_traced(*traced, symbolizer, pause, report);
        else
            fill_goroutines(options, symbolizer, pause, report);
    }
    add_notes(coverage, traced != nullptr);
}

}  // namespace whoholds
