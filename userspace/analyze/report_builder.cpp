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

// What Python's interpreter maps before a thread runs any Python code: the stack for that thread's frames.
bool is_of_interpreter_alone(const StackInfo& info, const ProcessView& view) {
    if (!view.python || !view.python->is_interpreter(info.frames[0])) return false;
    return std::ranges::all_of(info.frames, [&](uint64_t frame) {
        return view.python->is_interpreter(frame) ||
               std::ranges::any_of(view.libc_code, [&](const AddressRange& range) {
                   return frame > range.start && frame <= range.end;
               });
    });
}

bool is_made_by_libc(const ProfileStack& stack, const Aggregator& aggregator, const ProcessView& view) {
    if (stack.kind != WH_KIND_MAPPING) return false;
    const StackInfo* info = aggregator.find_stack(stack.stack);
    if (!info || info->frames.empty()) return false;
    const auto lies_in = [&](size_t frame, const std::vector<AddressRange>& ranges) {
        return frame < info->frames.size() && std::ranges::any_of(ranges, [&](const AddressRange& range) {
                   return info->frames[frame] > range.start && info->frames[frame] <= range.end;
               });
    };
    return lies_in(0, view.own_mapping_code) || lies_in(1, view.go_mapping_code) ||
           is_of_interpreter_alone(*info, view);
}

bool knows_what_was_before(uint8_t kind) {
    return kind == WH_KIND_FD || kind == WH_KIND_SOCKET || kind == WH_KIND_THREAD || kind == WH_KIND_GOROUTINE;
}

// The size of a joinable thread is its number. Descriptors and threads have none.
bool has_bytes(uint8_t kind) { return kind != WH_KIND_JOINABLE && !knows_what_was_before(kind); }

template <class Row>
void forget_bytes(Row& row) {
    row.held.bytes = row.acquired.bytes = row.released.bytes = 0;
    if (row.growth_per_min) row.growth_per_min->bytes = 0;
    if constexpr (requires { row.acquired_per_min; }) {
        if (row.before_attach) row.before_attach->bytes = 0;
        if (row.acquired_per_min) row.acquired_per_min->bytes = 0;
        if (row.released_per_min) row.released_per_min->bytes = 0;
    }
}

bool was_there_before(const StackInfo& info) {
    return info.status == WH_STACK_BEFORE_ATTACH || info.status == WH_STACK_CREATOR_BEFORE;
}

bool is_origin_row(const StackInfo* info) {
    return info &&
           (was_there_before(*info) || info->status == WH_STACK_UNSEEN || info->status == WH_STACK_CREATOR_UNSEEN);
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

std::vector<ReportBuilder::KindRow> ReportBuilder::kinds_shown() const {
    std::vector<KindRow> rows = {
#define X(enumerator, value, json_name, title, group, hidden_inside, travel) {value, json_name, title},
        WH_RESOURCE_KINDS(X)
#undef X
    };
    auto is_wanted = [&](std::string_view name) {
        return options_.kinds.empty() || std::ranges::find(options_.kinds, name) != options_.kinds.end();
    };
    std::erase_if(rows, [&](const KindRow& row) { return !is_wanted(row.json_name); });
    for (size_t i = 0; i < options_.pair_names.size() && is_wanted("pair"); i++)
        rows.push_back(
            {static_cast<uint8_t>(WH_KIND_PAIR_FIRST + i), "pair:" + options_.pair_names[i], options_.pair_names[i]});
    return rows;
}

KindReport ReportBuilder::describe_kind(const KindRow& row, const ProfileKind& found, uint64_t now_ns) const {
    KindReport kind;
    kind.kind = row.json_name;
    kind.title = row.title;
    kind.held = found.held;
    kind.acquired = found.acquired;
    kind.released = found.released;
    kind.lost = found.lost;
    kind.released_unknown = found.released_unknown;
    if (knows_what_was_before(row.kind)) kind.before_attach = found.before;
    kind.oldest_s = age_s(found.oldest_ns, now_ns);
    auto per_minute = [&](const absl::flat_hash_map<uint32_t, GrowthSeries>& series) -> std::optional<Rate> {
        auto of_kind = series.find(kind_key(found.process, row.kind));
        return of_kind == series.end() ? std::nullopt : of_kind->second.per_minute();
    };
    kind.growth_per_min = per_minute(kind_growth_);
    kind.acquired_per_min = per_minute(kind_acquired_);
    kind.released_per_min = per_minute(kind_released_);
    if (!has_bytes(row.kind)) forget_bytes(kind);
    constexpr uint64_t kManyReleases = 16;
    if (row.kind >= WH_KIND_PAIR_FIRST && found.released.count == 0 && found.released_unknown >= kManyReleases)
        kind.note = fmt::format(
            "none of {} releases was of what was acquired since the attach; if it stays like that, the handle is "
            "elsewhere than `whoholds plan` shows: say where (:argN, :outN; of Go :retN, :argN)",
            found.released_unknown);
    return kind;
}

void ReportBuilder::sample(const Profile& profile, double time_s) {
    time_s_ = time_s;
    for (const ProfileStack& stack : profile.stacks) stack_growth_[stack.stack].add(time_s, stack.held);
    for (const ProfileKind& kind : profile.kinds) {
        const uint32_t key = kind_key(kind.process, kind.kind);
        kind_growth_[key].add(time_s, kind.held);
        kind_acquired_[key].add(time_s, kind.acquired);
        kind_released_[key].add(time_s, kind.released);
    }
}

void ReportBuilder::forget_process(uint16_t process, const std::vector<uint32_t>& stacks) {
    for (uint32_t stack : stacks) stack_growth_.erase(stack);
    absl::erase_if(kind_growth_, [process](const auto& one) { return one.first >> 8 == process; });
    connection_growth_.erase(process);
}

void ReportBuilder::sort_and_cut(std::vector<StackGroup>& groups) const {
    auto rank = [&](const ProfileStack& stack) -> uint64_t {
        switch (options_.sort) {
            case SortBy::kBytes: return has_bytes(stack.kind) ? stack.held.bytes : stack.held.count;
            case SortBy::kCount: return stack.held.count;
            case SortBy::kAge: return ~stack.oldest_ns;
            case SortBy::kTotal: return has_bytes(stack.kind) ? stack.acquired.bytes : stack.acquired.count;
        }
        return 0;
    };
    if (options_.sort != SortBy::kTotal && !options_.keep_empty)
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

StackReport ReportBuilder::describe(const KindRow& row, const Aggregator& aggregator, const StackGroup& group,
                                    const ProcessView& view, uint64_t now_ns) const {
    StackReport report;
    report.kind = row.json_name;
    report.held = group.sum.held;
    report.acquired = group.sum.acquired;
    report.released = group.sum.released;
    report.oldest_s = age_s(group.sum.oldest_ns, now_ns);
    report.growth_per_min = growth_of(group);
    if (!has_bytes(row.kind)) forget_bytes(report);
    if (row.kind == WH_KIND_JS_HEAP) report.samples = report.held.count;
    const StackInfo* info = aggregator.find_stack(group.sum.stack);
    report.before_attach = info && was_there_before(*info);
    report.stacks = group.stacks;
    report.why_incomplete = why_incomplete(info);
    report.complete = report.why_incomplete.empty();
    if (!info) return report;
    report.frames =
        FrameReader{*view.symbolizer, view.libc_code, &aggregator, view.python, view.v8}.frames_of(*info, row.kind);
    report.id = id_of_row(report.frames, group.stacks, aggregator);
    report.headline = headline_of(report.frames, view.exe);
    return report;
}

// As few as hold the whole session, but no more than kMostSlices: their width doubles as time goes on.
TimeSlices ReportBuilder::slices_until(uint64_t now_ns) const {
    constexpr double kFirstWidthS = 2;
    constexpr size_t kMostSlices = 16;
    double width_s = kFirstWidthS;
    while (time_s_ >= width_s * kMostSlices) width_s *= 2;
    const auto since_start_ns = static_cast<uint64_t>(time_s_ * 1e9);
    return {.start_ns = now_ns > since_start_ns ? now_ns - since_start_ns : 0,
            .width_ns = static_cast<uint64_t>(width_s * 1e9),
            .count = static_cast<size_t>(time_s_ / width_s) + 1};
}

void ReportBuilder::fill(const Aggregator& aggregator, const Profile& profile, const ProcessView& view, uint64_t now_ns,
                         const Aggregator::Pause& pause, ProcessReport& report, Coverage& coverage) {
    const FrameReader reader{*view.symbolizer, view.libc_code, &aggregator, view.python, view.v8};
    static const HeldNow kNothing;
    HeldItems items(view.held ? *view.held : kNothing, aggregator, view.slot, reader, now_ns);
    const TimeSlices slices = slices_until(now_ns);
    for (size_t i = 1; i <= slices.count; i++)
        report.slice_ends_s.push_back(static_cast<double>(i * slices.width_ns) / 1e9);
    absl::flat_hash_map<uint32_t, uint64_t> ids;  // of the stacks of sockets that are shown
    for (const KindRow& row : kinds_shown()) {
        auto found = std::ranges::find_if(
            profile.kinds, [&](const ProfileKind& kind) { return kind.process == view.slot && kind.kind == row.kind; });
        if (found == profile.kinds.end()) continue;
        KindReport kind = describe_kind(row, *found, now_ns);
        if (row.kind == WH_KIND_JOINABLE && view.held) kind.note = items.note_on_joinable();
        if (row.kind == WH_KIND_FD && view.held) kind.note = items.note_on_rings();
        if (row.kind == WH_KIND_MAPPING && view.python && kind.held.count > 0)
            kind.note =
                "Python takes memory for small objects 1 MiB at a time (before 3.10: 256 KiB); a line that such memory "
                "is listed "
                "under is that of one object of many";

        std::vector<ProfileStack> stacks;
        for (const ProfileStack& stack : profile.stacks) {
            if (stack.process != view.slot || stack.kind != row.kind) continue;
            const StackInfo* info = aggregator.find_stack(stack.stack);
            if (!is_origin_row(info))
                (info && info->status == WH_STACK_DONE ? coverage.stacks_complete : coverage.stacks_incomplete)++;
            stacks.push_back(stack);
        }
        std::vector<StackGroup> groups = group_stacks(stacks, aggregator, reader, pause);
        kind.stack_count = groups.size();
        report.kinds.push_back(kind);
        report.stack_count += groups.size();
        sort_and_cut(groups);
        std::vector<std::vector<uint32_t>> indexes;
        for (const StackGroup& group : groups) indexes.push_back(group.stacks);
        const std::vector<GroupAges> ages = aggregator.ages_of(indexes, now_ns, options_.filter, slices, pause);
        for (size_t i = 0; i < groups.size(); i++) {
            StackReport described = describe(row, aggregator, groups[i], view, now_ns);
            if (view.held) items.describe(row.kind, groups[i], described);
            if (row.kind == WH_KIND_SOCKET)
                for (uint32_t stack : groups[i].stacks) ids[stack] = described.id;
            if (!described.before_attach) {
                if (ages[i].median_ns) described.median_age_s = static_cast<double>(*ages[i].median_ns) / 1e9;
                described.held_by_slice = ages[i].held_by_slice;
            }
            report.stacks.push_back(std::move(described));
            pause();
        }
    }
    if (!view.held) return;
    auto stack_id = [&](uint32_t stack) {
        auto found = ids.find(stack);
        return found == ids.end() ? 0 : found->second;
    };
    items.list_connections(time_s_, options_.top, stack_id, connection_growth_[view.slot], report);
    items.list_failed_connects(view.exe, report);
}

}  // namespace whoholds
