#include "top/stack_order.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "report/steady_order.h"

namespace whoholds {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains(std::string_view text, std::string_view wanted) {
    const auto is_same = [](char a, char b) { return lower(a) == lower(b); };
    return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), is_same) != text.end();
}

double value_of(const StackReport& stack, bool counted, TopColumn column) {
    const auto of = [&](const auto& amount) { return static_cast<double>(counted ? amount.count : amount.bytes); };
    switch (column) {
        case TopColumn::kBytes: return of(stack.held);
        case TopColumn::kCount: return static_cast<double>(stack.held.count);
        case TopColumn::kGrowth: return stack.growth_per_min ? of(*stack.growth_per_min) : 0;
        case TopColumn::kAge: return stack.oldest_s.value_or(stack.before_attach ? INFINITY : 0);
        case TopColumn::kTotal: return of(stack.acquired);
    }
    return 0;
}

}  // namespace

bool matches_filter(const StackReport& stack, std::string_view filter) {
    if (filter.empty() || contains(stack.headline, filter)) return true;
    const auto is_in_frame = [&](const Frame& frame) {
        return contains(frame.function, filter) || contains(frame.file, filter) || contains(frame.module, filter);
    };
    const auto is_in_group = [&](const ItemGroup& group) {
        return contains(group.what, filter) ||
               std::ranges::any_of(group.states, [&](const auto& state) { return contains(state.first, filter); });
    };
    return std::ranges::any_of(stack.frames, is_in_frame) || std::ranges::any_of(stack.item_groups, is_in_group);
}

std::vector<TopRow> StackOrder::rows(const ProcessReport& process, std::string_view kind, bool counted,
                                     TopColumn column, bool is_reversed, std::string_view filter) {
    std::map<uint64_t, size_t> seen;
    std::vector<TopRow> shown;
    std::vector<RankedRow> ranked;
    for (const StackReport& stack : process.stacks) {
        if (stack.kind != kind) continue;
        const RowKey key{stack.id, seen[stack.id]++};
        if (stack.held.count == 0 && (column != TopColumn::kTotal || stack.acquired.count == 0)) continue;
        if (!matches_filter(stack, filter)) continue;
        double value = value_of(stack, counted, column);
        if (std::isnan(value)) value = 0;
        RankedRow& row = ranked.emplace_back();
        row.row = shown.size();
        row.value = is_reversed ? -value : value;
        if (const auto place = places_.find(key); place != places_.end()) row.place = place->second;
        shown.push_back({key, &stack});
    }
    settle(ranked);
    places_.clear();
    std::vector<TopRow> rows;
    for (const RankedRow& row : ranked) {
        places_.emplace(shown[row.row].key, rows.size());
        rows.push_back(shown[row.row]);
    }
    return rows;
}

}  // namespace whoholds
