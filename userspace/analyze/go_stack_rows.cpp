#include "analyze/go_stack_rows.h"

#include <algorithm>
#include <utility>

#include "analyze/stack_groups.h"

namespace whoholds {
namespace {

void add(Amount& to, const Amount& what) {
    to.count += what.count;
    to.bytes += what.bytes;
}

Amount sum(const GoStackRow& row, Amount GoTally::*member) {
    Amount total;
    for (const GoTally* tally : row.tallies) add(total, tally->*member);
    return total;
}

std::optional<Rate> growth_of(const GoStackRow& row) {
    std::optional<Rate> total;
    for (const GoTally* tally : row.tallies) {
        const auto rate = tally->growth.per_minute();
        if (!rate) continue;
        if (!total) total.emplace();
        total->count += rate->count * tally->growth_part;
        total->bytes += rate->bytes * tally->growth_part;
    }
    return total;
}

}  // namespace

uint32_t GoStackRows::place_of(uint64_t pc) {
    const auto [found, is_new] = place_of_pc_.try_emplace(pc);
    if (is_new) {
        const std::string key = key_of_frames(frames_of_(pc));
        found->second = places_.try_emplace(key, static_cast<uint32_t>(places_.size())).first->second;
    }
    return found->second;
}

void GoStackRows::add(const std::vector<uint64_t>& stack, const GoTally& tally) {
    std::vector<uint32_t> places;
    places.reserve(stack.size());
    for (const uint64_t pc : stack) places.push_back(place_of(pc));
    const auto [found, is_new] = row_of_.try_emplace(std::move(places), rows_.size());
    if (is_new) rows_.emplace_back();
    rows_[found->second].tallies.push_back(&tally);
    rows_[found->second].stacks.push_back(stack);
}

std::vector<const GoStackRow*> GoStackRows::best(SortBy sort, size_t top) const {
    const auto rank = [&](const GoStackRow* row) {
        const Amount amount = sum(*row, sort == SortBy::kTotal ? &GoTally::acquired : &GoTally::held);
        return counts_bytes_ && sort != SortBy::kCount ? amount.bytes : amount.count;
    };
    std::vector<std::pair<uint64_t, const GoStackRow*>> ranked;
    for (const GoStackRow& row : rows_) {
        if (sort == SortBy::kTotal || sum(row, &GoTally::held).count != 0) ranked.emplace_back(rank(&row), &row);
    }
    // Equal ones in the order of their addresses, which stays from report to report.
    std::ranges::sort(ranked, [](const auto& a, const auto& b) {
        return std::pair(b.first, a.second->stacks.front()) < std::pair(a.first, b.second->stacks.front());
    });
    std::vector<const GoStackRow*> best;
    for (size_t i = 0; i < std::min(top, ranked.size()); ++i) best.push_back(ranked[i].second);
    return best;
}

StackReport GoStackRows::describe(const GoStackRow& row) const {
    StackReport report;
    report.held = sum(row, &GoTally::held);
    report.acquired = sum(row, &GoTally::acquired);
    report.released = sum(row, &GoTally::released);
    report.growth_per_min = growth_of(row);
    report.complete = true;
    for (const uint64_t pc : row.stacks.front()) {
        for (Frame& frame : frames_of_(pc)) report.frames.push_back(std::move(frame));
    }
    report.id = id_of_frames(report.frames);
    return report;
}

KindReport describe_go_kind(const char* json_name, const char* title, const GoTally& total, size_t stack_count) {
    KindReport kind;
    kind.kind = json_name;
    kind.title = title;
    kind.held = total.held;
    kind.acquired = total.acquired;
    kind.released = total.released;
    kind.before_attach = total.before;
    kind.growth_per_min = total.growth.per_minute();
    kind.acquired_per_min = total.acquired_growth.per_minute();
    kind.released_per_min = total.released_growth.per_minute();
    kind.stack_count = stack_count;
    return kind;
}

}  // namespace whoholds
