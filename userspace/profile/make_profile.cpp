// The part of the Aggregator that looks at everything held: profiles and ages.
#include <algorithm>

#include "profile/aggregator.h"

namespace whoholds {

namespace {

void add(Amount& amount, uint64_t count, uint64_t bytes) {
    amount.count += count;
    amount.bytes += bytes;
}

uint64_t age_of(uint64_t time_ns, uint64_t now_ns) { return now_ns > time_ns ? now_ns - time_ns : 0; }

}  // namespace

// visit(process, kind, stack, size, time_ns)
template <class Visitor>
void Aggregator::for_each_held(Visitor visit, const Pause& pause) const {
    for (const auto& [id, place] : holders_) {
        auto process = static_cast<uint16_t>(id >> 8);
        auto kind = static_cast<uint8_t>(id & 0xff);
        place->for_each_block(
            [&](uint64_t, const Block& block) { visit(process, kind, block.stack, block.size, block.time_ns); }, pause);
        place->ranges.for_each(
            [&](const HeldRange& range) { visit(process, kind, range.stack, range.size(), range.time_ns); });
    }
    for (const YoungBlock& block : young_) visit(block.process, block.kind, block.stack, block.size, block.time_ns);
}

Profile Aggregator::make_profile(uint64_t now_ns, const ProfileFilter& filter, const Pause& pause) const {
    struct Row {
        ProfileStack stack;
        Amount all_held;
    };
    std::vector<Row> rows(stacks_.size());
    std::map<uint32_t, ProfileKind> kinds;
    auto kind_row = [&](uint16_t process, uint8_t kind) -> ProfileKind& {
        ProfileKind& row = kinds[static_cast<uint32_t>(process) << 8 | kind];
        row.process = process;
        row.kind = kind;
        return row;
    };
    for_each_held(
        [&](uint16_t process, uint8_t kind, uint32_t stack, uint64_t size, uint64_t time_ns) {
            if (stack >= rows.size()) rows.resize(stack + 1);
            Row& row = rows[stack];
            row.stack.process = process;
            row.stack.kind = kind;
            add(row.all_held, 1, size);
            if (!filter.passes(age_of(time_ns, now_ns), size)) return;
            add(row.stack.held, 1, size);
            row.stack.oldest_ns = std::min(row.stack.oldest_ns, time_ns);
        },
        pause);
    // Young blocks did not travel: they count as acquired, and so do those that died young and those that were lost.
    std::vector<Amount> young(rows.size());
    for (const YoungBlock& block : young_) add(young[block.stack], 1, block.size);

    std::vector<Amount> replaced(rows.size());
    for (const auto& [id, place] : holders_)
        for (const uint64_t key : place->replaced)
            if (const std::optional<Block> block = place->blocks.find(key); block && block->stack < replaced.size())
                add(replaced[block->stack], 1, block->size);

    Profile profile;
    for (uint32_t index = 0; index < rows.size(); index++) {
        ProfileStack& stack = rows[index].stack;
        if (index < stacks_.size()) {
            const StackEntry& entry = stacks_[index];
            const Totals& totals = entry.totals;
            stack.process = entry.kind ? entry.process : stack.process;
            stack.kind = entry.kind ? entry.kind : stack.kind;
            stack.lost = {totals.lost_count, totals.lost_bytes};
            stack.before = totals.before;
            stack.acquired = totals.acquired;
            stack.released = totals.released;
            add(stack.acquired, totals.died_count + totals.lost_count, totals.died_bytes + totals.lost_bytes);
            add(stack.released, totals.died_count, totals.died_bytes);
        }
        add(stack.acquired, young[index].count, young[index].bytes);
        add(stack.released, replaced[index].count, replaced[index].bytes);
        if (stack.acquired.count == 0 && stack.before.count == 0) continue;
        stack.stack = index;
        stack.all_held = rows[index].all_held;
        profile.stacks.push_back(stack);
        ProfileKind& kind = kind_row(stack.process, stack.kind);
        add(kind.held, stack.all_held.count, stack.all_held.bytes);
        add(kind.before, stack.before.count, stack.before.bytes);
        add(kind.acquired, stack.acquired.count, stack.acquired.bytes);
        add(kind.released, stack.released.count, stack.released.bytes);
        add(kind.lost, stack.lost.count, stack.lost.bytes);
        kind.oldest_ns = std::min(kind.oldest_ns, stack.oldest_ns);
    }
    for (const auto& [id, place] : holders_)
        kind_row(static_cast<uint16_t>(id >> 8), static_cast<uint8_t>(id & 0xff)).released_unknown =
            place->released_unknown;
    for (auto& [id, kind] : kinds) profile.kinds.push_back(kind);
    return profile;
}

std::vector<GroupAges> Aggregator::ages_of(const std::vector<std::vector<uint32_t>>& groups, uint64_t now_ns,
                                           const ProfileFilter& filter, const TimeSlices& slices,
                                           const Pause& pause) const {
    // By stack: 1 + the place of its group. A table, for with millions of blocks this is the inner loop of a report.
    std::vector<uint32_t> place_of(stacks_.size());
    for (size_t i = 0; i < groups.size(); i++)
        for (uint32_t stack : groups[i])
            if (stack < place_of.size()) place_of[stack] = static_cast<uint32_t>(i) + 1;
    std::vector<std::vector<uint64_t>> ages(groups.size());
    std::vector<GroupAges> result(groups.size());
    for (GroupAges& one : result) one.held_by_slice.resize(slices.count);
    for_each_held(
        [&](uint16_t, uint8_t, uint32_t stack, uint64_t size, uint64_t time_ns) {
            uint32_t place = stack < place_of.size() ? place_of[stack] : 0;
            if (place == 0) return;
            uint64_t age = age_of(time_ns, now_ns);
            if (!filter.passes(age, size)) return;
            ages[place - 1].push_back(age);
            if (time_ns < slices.start_ns) return;
            const uint64_t slice = (time_ns - slices.start_ns) / slices.width_ns;
            if (slice < slices.count) result[place - 1].held_by_slice[slice]++;
        },
        pause);
    for (size_t i = 0; i < ages.size(); i++) {
        std::vector<uint64_t>& of_group = ages[i];
        if (of_group.empty()) continue;
        auto middle = of_group.begin() + static_cast<ptrdiff_t>(of_group.size() / 2);
        std::nth_element(of_group.begin(), middle, of_group.end());
        result[i].median_ns = *middle;
    }
    return result;
}

}  // namespace whoholds
