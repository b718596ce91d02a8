#include "analyze/go_heap_estimate_rows.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "analyze/go_stack_rows.h"
#include "analyze/headline.h"
#include "base/human.h"
#include "bpf/shared/go_samples.h"
#include "bpf/shared/records.h"

namespace whoholds {
namespace {

constexpr const char* kKind = "go_heap";
constexpr const char* kNoStack = "allocated before sampling began, or not seen by it";

bool is_of_runtime(const Frame& frame) {
    const std::string_view package = go_package_of(frame.function);
    return frame.go == GoOrigin::kStandard && (package == "runtime" || package.starts_with("internal/runtime/"));
}

// The stacks of samples begin deep in the allocator: what is shown begins with its caller.
class Callers {
public:
    explicit Callers(const FrameReader& reader) : reader_(reader) {}

    std::vector<uint64_t> of(const StackInfo& info) {
        std::vector<uint64_t> stack;
        for (const uint64_t frame : reader_.joined_frames(info, WH_KIND_GO_HEAP)) stack.push_back(frame);
        const auto first = std::ranges::find_if(stack, [this](uint64_t pc) { return !is_runtime(pc); });
        if (first != stack.end()) stack.erase(stack.begin(), first);
        while (stack.size() > 1 && is_runtime(stack.back())) stack.pop_back();
        return stack;
    }

private:
    // By the function that was compiled, whatever of the runtime is inlined in it.
    bool is_runtime(uint64_t pc) {
        const auto [found, is_new] = known_.try_emplace(pc, false);
        if (!is_new) return found->second;
        const Frame frame = reader_.frames_at(pc, 0).back();
        found->second = is_of_runtime(frame) && frame.function != "runtime.main";
        return found->second;
    }

    const FrameReader& reader_;
    absl::flat_hash_map<uint64_t, bool> known_;
};

std::string size_text(const GoSize& size) {
    const std::string pointers = size.has_pointers ? "" : " without pointers";
    if (size.small_bytes == 0) return "large objects" + pointers;
    return fmt::format("objects of {} bytes{}", exact_count(size.small_bytes), pointers);
}

// What has no stack, by size: which sizes grow says more than nothing.
std::vector<ItemGroup> sizes_of_rest(const GoHeapEstimate& estimate) {
    constexpr double kWorthSayingBytes = 65'536;  // per minute
    std::map<GoSize, Amount> sizes;
    for (const GoSizeClass& each : estimate.census().classes) sizes[each.size] = {each.alive.count, each.alive.bytes};
    for (const auto& [key, row] : estimate.stacks()) {
        Amount& amount = sizes[key.second];
        amount.count -= std::min(amount.count, row.held.count);
        amount.bytes -= std::min(amount.bytes, row.held.bytes);
    }
    std::vector<ItemGroup> groups;
    for (const auto& [size, amount] : sizes) {
        if (amount.count == 0) continue;
        ItemGroup group{.what = size_text(size), .count = amount.count};
        group.size_bytes = amount.bytes;
        const auto growth = estimate.growth_of_size(size);
        if (growth && growth->bytes > kWorthSayingBytes)
            group.what += fmt::format(" (this size grows {}/min)", human_bytes(static_cast<uint64_t>(growth->bytes)));
        groups.push_back(std::move(group));
    }
    std::ranges::sort(groups, std::greater(), &ItemGroup::size_bytes);
    return groups;
}

double seconds_since(uint64_t time_ns, uint64_t now_ns) {
    return now_ns > time_ns ? static_cast<double>(now_ns - time_ns) / 1e9 : 0;
}

// Of several sizes and stacks that read the same.
void describe_samples(const GoStackRow& row, uint64_t now_ns, StackReport& report) {
    uint64_t samples = 0;
    uint64_t oldest_ns = UINT64_MAX;
    std::vector<std::pair<uint64_t, uint64_t>> medians;  // time, samples
    for (const GoTally* tally : row.tallies) {
        const auto& estimate = *static_cast<const GoEstimate*>(tally);
        samples += estimate.samples;
        if (estimate.samples == 0) continue;
        oldest_ns = std::min(oldest_ns, estimate.oldest_ns);
        medians.emplace_back(estimate.median_ns, estimate.samples);
    }
    report.samples = samples;
    if (samples == 0) return;
    report.oldest_s = seconds_since(oldest_ns, now_ns);
    std::ranges::sort(medians);
    uint64_t before = 0;
    for (const auto& [time_ns, count] : medians) {
        before += count;
        if (before * 2 < samples) continue;
        report.median_age_s = seconds_since(time_ns, now_ns);
        break;
    }
}

// Held in all is exact; what the stacks do not account for is the rest.
std::optional<Rate> growth_of_rest(const GoHeapEstimate& estimate) {
    auto growth = estimate.total().growth.per_minute();
    for (const auto& [key, row] : estimate.stacks()) {
        const auto part = row.growth.per_minute();
        if (!part || !growth) continue;
        growth->count -= part->count * row.growth_part;
        growth->bytes -= part->bytes * row.growth_part;
    }
    return growth;
}

class Rows {
public:
    Rows(const GoHeapEstimate& estimate, bool is_sampled, const GoHeapSources& sources)
        : estimate_(estimate),
          is_sampled_(is_sampled),
          sources_(sources),
          callers_(sources.reader),
          rows_([&](uint64_t frame) { return sources.reader.frames_at(frame, 0); }, true) {
        rows_.add({}, estimate.rest());
        size_t done = 0;
        for (const auto& [key, row] : estimate.stacks()) {
            rows_.add(stack_of(key.first), row);
            note_type(key.first, row);
            if (++done % 256 == 0) sources.pause();
        }
    }

    [[nodiscard]] size_t size() const { return rows_.size(); }

    std::vector<StackReport> best(const ReportOptions& options, const std::string& exe) const {
        std::vector<StackReport> reports;
        for (const GoStackRow* row : rows_.best(options.sort, options.top)) {
            StackReport report = rows_.describe(*row);
            report.kind = kKind;
            report.headline = headline_of(report.frames, exe);
            describe_samples(*row, sources_.now_ns, report);
            if (report.frames.empty())
                describe_rest(report);
            else
                describe_types(*row, report);
            for (const auto& stack : row->stacks) {
                if (const auto found = incomplete_.find(stack); found != incomplete_.end())
                    report.why_incomplete = found->second;
            }
            report.complete = report.why_incomplete.empty();
            reports.push_back(std::move(report));
        }
        return reports;
    }

private:
    const std::vector<uint64_t>& stack_of(uint32_t index) {
        const auto [found, is_new] = stacks_.try_emplace(index);
        if (!is_new) return found->second;
        const StackInfo* info = sources_.find_stack(index);
        if (!info || info->frames.empty()) return found->second;
        found->second = callers_.of(*info);
        if (info->status != WH_STACK_DONE) incomplete_[found->second] = sentence_of(info->status);
        return found->second;
    }

    void note_type(uint32_t index, const GoEstimate& row) {
        const StackInfo* info = sources_.type_of ? sources_.find_stack(index) : nullptr;
        const std::string type = info ? sources_.type_of(*info) : "";
        if (type.empty() || row.held.count == 0) return;
        Amount& amount = types_[stacks_.at(index)][type];
        amount.count += row.held.count;
        amount.bytes += row.held.bytes;
    }

    void describe_types(const GoStackRow& row, StackReport& report) const {
        std::map<std::string, Amount> sums;
        std::set<std::vector<uint64_t>> seen;  // a stack is there once for each size
        for (const auto& stack : row.stacks) {
            const auto found = types_.find(stack);
            if (found == types_.end() || !seen.insert(stack).second) continue;
            for (const auto& [type, amount] : found->second) {
                sums[type].count += amount.count;
                sums[type].bytes += amount.bytes;
            }
        }
        for (const auto& [type, amount] : sums) {
            ItemGroup group{.what = type, .count = amount.count};
            group.size_bytes = amount.bytes;
            report.item_groups.push_back(std::move(group));
        }
        std::ranges::stable_sort(report.item_groups, std::greater(), &ItemGroup::size_bytes);
        report.item_groups_of = report.held.count;
    }

    static std::string sentence_of(uint32_t status) {
        switch (status) {
#define X(enumerator, value, sentence) \
    case enumerator: return sentence;
            WH_STACK_STATUSES(X)
#undef X
        }
        return "reason not known";
    }

    void describe_rest(StackReport& report) const {
        report.growth_per_min = growth_of_rest(estimate_);
        report.item_groups = sizes_of_rest(estimate_);
        report.item_groups_of = report.held.count;
        report.why_incomplete = kNoStack;
        report.before_attach = is_sampled_;  // next to all of it, then
        report.samples.reset();
    }

    const GoHeapEstimate& estimate_;
    bool is_sampled_;
    const GoHeapSources& sources_;
    Callers callers_;
    GoStackRows rows_;
    std::map<uint32_t, std::vector<uint64_t>> stacks_;
    std::map<std::vector<uint64_t>, std::string> incomplete_;
    std::map<std::vector<uint64_t>, std::map<std::string, Amount>> types_;
};

void fill_sizes(const GoCensus& census, ProcessReport& report) {
    if (!report.go) return;
    for (const GoSizeClass& each : census.classes)
        report.go->sizes.push_back({.element_bytes = each.size.small_bytes,
                                    .has_pointers = each.size.has_pointers,
                                    .spans = each.spans,
                                    .span_bytes = each.span_bytes,
                                    .held = {each.alive.count, each.alive.bytes},
                                    .since = {each.since.count, each.since.bytes}});
    std::ranges::stable_sort(report.go->sizes, std::greater(),
                             [](const GoSizeReport& size) { return size.held.bytes; });
}

void add_notes(const GoHeapEstimate& estimate, const GoSamplingState& sampling, Coverage& coverage) {
    const GoCensus& census = estimate.census();
    std::string counted =
        "Go heap: held is what the last collection found alive, counted exactly by size of objects from the runtime's "
        "records (the program was linked without the runtime's profile, as nothing in it asks for one)";
    if (census.since.count > 0)
        counted += fmt::format("; {} more were allocated since, alive or not", human_bytes(census.since.bytes));
    coverage.notes.push_back(std::move(counted));
    if (census.unswept_spans > 0)
        coverage.notes.push_back(
            fmt::format("Go heap: spans that the collector has not swept yet, counted with their garbage: {}",
                        exact_count(census.unswept_spans)));
    if (census.torn_spans > 0)
        coverage.notes.push_back(fmt::format("Go heap: spans that changed while they were read, not counted: {}",
                                             exact_count(census.torn_spans)));
    if (!census.allocations)
        coverage.notes.emplace_back("Go heap: how much was allocated and freed in all is not known");
    if (!sampling.is_on) {
        if (!sampling.why_not.empty()) coverage.notes.push_back("Go heap by stack: " + sampling.why_not);
        return;
    }
    const GoSampleSummary& totals = sampling.totals;
    std::string text = fmt::format(
        "Go heap by stack: estimated from {} samples (the first object of each new span, and large ones), {} of them "
        "still there; of allocations since attach, as of the last collection",
        exact_count(totals.taken), exact_count(totals.kept));
    if (sampling.on_share < 0.99) text += fmt::format("; taken {:.0f} % of the time", sampling.on_share * 100);
    if (sampling.hit_ns > 0) text += fmt::format("; each costs the program about {:.1f} µs", sampling.hit_ns / 1000);
    coverage.notes.push_back(std::move(text));
    if (sampling.without_stack > 0)
        coverage.notes.push_back(
            fmt::format("Go heap by stack: samples left out, as mappings had just changed and their stack could not be "
                        "walked: {}",
                        exact_count(sampling.without_stack)));
    if (totals.missed_collections > 0)
        coverage.notes.push_back(fmt::format(
            "Go heap by stack: collections that were not looked at: {} of {}; samples dropped for that: {}, kept and "
            "in "
            "doubt: {}",
            exact_count(totals.missed_collections), exact_count(totals.missed_collections + totals.judged_collections),
            exact_count(totals.dropped), exact_count(totals.in_doubt)));
}

bool is_wanted(const ReportOptions& options) {
    return options.kinds.empty() || std::ranges::find(options.kinds, kKind) != options.kinds.end();
}

}  // namespace

void fill_go_heap_estimate(const GoHeapEstimate& estimate, const GoSamplingState& sampling,
                           const ReportOptions& options, const GoHeapSources& sources, ProcessReport& report,
                           Coverage& coverage) {
    if (!is_wanted(options)) return;
    fill_sizes(estimate.census(), report);
    add_notes(estimate, sampling, coverage);
    const Rows rows(estimate, sampling.is_on, sources);
    report.kinds.insert(report.kinds.begin(), describe_go_kind(kKind, "Go heap", estimate.total(), rows.size()));
    report.stack_count += rows.size();
    std::vector<StackReport> stacks = rows.best(options, report.exe);
    report.stacks.insert(report.stacks.begin(), std::make_move_iterator(stacks.begin()),
                         std::make_move_iterator(stacks.end()));
}

}  // namespace whoholds
