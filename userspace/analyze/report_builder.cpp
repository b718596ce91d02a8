#include "analyze/report_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

#include "analyze/headline.h"
#include "base/human.h"
#include "bpf/shared/records.h"
#include "bpf/shared/resource_kinds.h"

namespace whoholds {

namespace {

struct KindRow {
    uint8_t kind;
    std::string_view json_name;
    std::string_view title;
};

constexpr KindRow kKinds[] = {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) {value, json_name, title},
    WH_RESOURCE_KINDS(X)
#undef X
};

const KindRow* find_kind(uint8_t kind) {
    for (const KindRow& row : kKinds)
        if (row.kind == kind) return &row;
    return nullptr;
}

uint32_t kind_key(uint16_t process, uint8_t kind) { return static_cast<uint32_t>(process) << 8 | kind; }

std::optional<double> age_s(uint64_t time_ns, uint64_t now_ns) {
    if (time_ns == std::numeric_limits<uint64_t>::max()) return std::nullopt;
    return now_ns > time_ns ? static_cast<double>(now_ns - time_ns) / 1e9 : 0.0;
}

constexpr std::string_view kStatusSentences[] = {
#define X(enumerator, value, sentence) sentence,
    WH_STACK_STATUSES(X)
#undef X
};

std::string why_incomplete(const StackInfo* info) {
    if (!info) return "the frames did not arrive: the ring was full";
    return std::string(info->status < std::size(kStatusSentences) ? kStatusSentences[info->status] : "unknown");
}

bool is_made_by_libc(const ProfileStack& stack, const Aggregator& aggregator, const ProcessView& view) {
    if (stack.kind != WH_KIND_MAPPING) return false;
    const StackInfo* info = aggregator.find_stack(stack.stack);
    if (!info || info->frames.empty()) return false;
    return std::ranges::any_of(view.own_mapping_code, [&](const AddressRange& range) {
        return info->frames[0] > range.start && info->frames[0] <= range.end;
    });
}

void subtract(Amount& from, const Amount& what) {
    from.count -= what.count;
    from.bytes -= what.bytes;
}

}  // namespace

Amount ReportBuilder::take_out_own_mappings(Profile& profile, const Aggregator& aggregator, const ProcessView& view) {
    Amount own;
    auto kind = std::ranges::find_if(
        profile.kinds, [&](const ProfileKind& row) { return row.process == view.slot && row.kind == WH_KIND_MAPPING; });
    if (kind == profile.kinds.end()) return own;
    kind->oldest_ns = std::numeric_limits<uint64_t>::max();
    std::erase_if(profile.stacks, [&](const ProfileStack& stack) {
        if (stack.process != view.slot || stack.kind != WH_KIND_MAPPING) return false;
        if (!is_made_by_libc(stack, aggregator, view)) {
            kind->oldest_ns = std::min(kind->oldest_ns, stack.oldest_ns);
            return false;
        }
        own.count += stack.all_held.count;
        own.bytes += stack.all_held.bytes;
        subtract(kind->held, stack.all_held);
        subtract(kind->acquired, stack.acquired);
        subtract(kind->released, stack.released);
        subtract(kind->lost, stack.lost);
        return true;
    });
    return own;
}

void ReportBuilder::sample(const Profile& profile, double time_s) {
    for (const ProfileStack& stack : profile.stacks) stack_growth_[stack.stack].add(time_s, stack.held);
    for (const ProfileKind& kind : profile.kinds)
        kind_growth_[kind_key(kind.process, kind.kind)].add(time_s, kind.held);
}

void ReportBuilder::sort_and_cut(std::vector<StackGroup>& groups) const {
    auto rank = [&](const ProfileStack& stack) -> uint64_t {
        switch (options_.sort) {
            case SortBy::kBytes: return stack.held.bytes;
            case SortBy::kCount: return stack.held.count;
            case SortBy::kAge: return ~stack.oldest_ns;
            case SortBy::kTotal: return stack.acquired.bytes;
        }
        return 0;
    };
    if (options_.sort != SortBy::kTotal)
        std::erase_if(groups, [](const StackGroup& group) { return group.sum.held.count == 0; });
    // Equal ones by index, so that the order is stable between intervals.
    std::ranges::sort(groups, [&](const StackGroup& a, const StackGroup& b) {
        return std::pair(rank(b.sum), a.sum.stack) < std::pair(rank(a.sum), b.sum.stack);
    });
    if (groups.size() > options_.top) groups.resize(options_.top);
}

std::optional<Rate> ReportBuilder::growth_of(const StackGroup& group) const {
    std::optional<Rate> sum;
    for (uint32_t stack : group.stacks) {
        auto series = stack_growth_.find(stack);
        if (series == stack_growth_.end()) continue;
        auto growth = series->second.per_minute();
        if (!growth) continue;
        if (!sum) sum.emplace();
        sum->count += growth->count;
        sum->bytes += growth->bytes;
    }
    return sum;
}

StackReport ReportBuilder::describe(const Aggregator& aggregator, const StackGroup& group, const ProcessView& view,
                                    uint64_t now_ns) const {
    StackReport report;
    const KindRow* kind = find_kind(group.sum.kind);
    report.kind = kind ? kind->json_name : "unknown";
    report.held = group.sum.held;
    report.acquired = group.sum.acquired;
    report.released = group.sum.released;
    report.oldest_s = age_s(group.sum.oldest_ns, now_ns);
    report.growth_per_min = growth_of(group);
    const StackInfo* info = aggregator.find_stack(group.sum.stack);
    report.why_incomplete = why_incomplete(info);
    report.complete = report.why_incomplete.empty();
    if (!info) return report;
    report.id = info->hash;
    for (uint32_t stack : group.stacks) report.id = std::min(report.id, aggregator.find_stack(stack)->hash);
    report.frames = frames_of(*info, *view.symbolizer);
    report.headline = headline_of(report.frames, view.exe);
    return report;
}

void ReportBuilder::fill(const Aggregator& aggregator, const Profile& profile, const ProcessView& view, uint64_t now_ns,
                         const Aggregator::Pause& pause, ProcessReport& report, Coverage& coverage) const {
    for (const KindRow& row : kKinds) {
        auto found = std::ranges::find_if(
            profile.kinds, [&](const ProfileKind& kind) { return kind.process == view.slot && kind.kind == row.kind; });
        if (found == profile.kinds.end()) continue;
        KindReport kind;
        kind.kind = row.json_name;
        kind.title = row.title;
        kind.held = found->held;
        kind.acquired = found->acquired;
        kind.released = found->released;
        kind.lost = found->lost;
        kind.released_unknown = found->released_unknown;
        kind.oldest_s = age_s(found->oldest_ns, now_ns);
        if (auto growth = kind_growth_.find(kind_key(view.slot, row.kind)); growth != kind_growth_.end())
            kind.growth_per_min = growth->second.per_minute();

        std::vector<ProfileStack> stacks;
        for (const ProfileStack& stack : profile.stacks) {
            if (stack.process != view.slot || stack.kind != row.kind) continue;
            const StackInfo* info = aggregator.find_stack(stack.stack);
            (info && info->status == WH_STACK_DONE ? coverage.stacks_complete : coverage.stacks_incomplete)++;
            stacks.push_back(stack);
        }
        std::vector<StackGroup> groups = group_stacks(stacks, aggregator, *view.symbolizer, pause);
        kind.stack_count = groups.size();
        report.kinds.push_back(kind);
        report.stack_count += groups.size();
        sort_and_cut(groups);
        std::vector<std::vector<uint32_t>> indexes;
        for (const StackGroup& group : groups) indexes.push_back(group.stacks);
        auto medians = aggregator.median_ages(indexes, now_ns, options_.filter, pause);
        for (size_t i = 0; i < groups.size(); i++) {
            StackReport described = describe(aggregator, groups[i], view, now_ns);
            if (medians[i]) described.median_age_s = static_cast<double>(*medians[i]) / 1e9;
            report.stacks.push_back(std::move(described));
            pause();
        }
    }
}

}  // namespace whoholds
