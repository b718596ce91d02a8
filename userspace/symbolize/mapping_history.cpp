#include "symbolize/mapping_history.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxEntries = 262'144;
constexpr size_t kMaxPastEntries = 65'536;

bool starts_before(const ModuleMapping& a, const ModuleMapping& b) { return a.start < b.start; }

std::vector<ModuleMapping> without_overlaps(std::vector<ModuleMapping> mappings) {
    std::stable_sort(mappings.begin(), mappings.end(), starts_before);
    std::vector<ModuleMapping> kept;
    for (const ModuleMapping& mapping : mappings) {
        const bool overlaps = !kept.empty() && mapping.start < kept.back().end;
        if (mapping.start < mapping.end && !overlaps) kept.push_back(mapping);
    }
    return kept;
}

}  // namespace

MappingHistory::Entry MappingHistory::Entry::part(uint64_t from, uint64_t to) const {
    Entry part = *this;
    part.start = from;
    part.end = to;
    part.file_offset = file_offset + (from - start);
    return part;
}

void MappingHistory::keep(std::vector<Entry>& kept, const Entry& entry) {
    const bool continues = !kept.empty() && kept.back().end == entry.start && kept.back().means_the_same(entry) &&
                           kept.back().first_layout == entry.first_layout &&
                           kept.back().last_layout == entry.last_layout;
    if (continues) {
        kept.back().end = entry.end;
    } else if (kept.size() < kMaxEntries) {
        kept.push_back(entry);
    }
}

// below: the entries so far that overlap the fresh one, in order.
void MappingHistory::add_over(const Entry& fresh, std::span<const Entry> below, std::vector<Entry>& kept) {
    uint64_t at = fresh.start;
    for (const Entry& old : below) {
        const uint64_t from = std::max(old.start, fresh.start);
        const uint64_t to = std::min(old.end, fresh.end);
        if (at < from) keep(kept, fresh.part(at, from));
        Entry piece = fresh.part(from, to);
        if (old.means_the_same(fresh)) {
            piece.first_layout = old.first_layout;
        } else {
            past_.push_back(old.part(from, to));
        }
        keep(kept, piece);
        at = to;
    }
    if (at < fresh.end) keep(kept, fresh.part(at, fresh.end));
}

void MappingHistory::update(std::vector<ModuleMapping> now, uint32_t layout) {
    latest_layout_ = std::max(latest_layout_, layout);
    const std::vector<Entry> before = std::exchange(current_, {});
    const size_t past_size = past_.size();
    auto old = before.begin();
    uint64_t old_from = 0;  // what of *old lies before this is dealt with
    const auto keep_unmapped = [&](uint64_t limit) {
        for (; old != before.end() && old->start < limit; ++old) {
            const uint64_t from = std::max(old->start, old_from);
            if (from < std::min(old->end, limit)) keep(current_, old->part(from, std::min(old->end, limit)));
            if (old->end > limit) return;
        }
    };
    for (const ModuleMapping& mapping : without_overlaps(std::move(now))) {
        keep_unmapped(mapping.start);
        auto end = old;
        while (end != before.end() && end->start < mapping.end) ++end;
        add_over({mapping, latest_layout_, latest_layout_}, {old, end}, current_);
        old_from = mapping.end;
        while (old != end && old->end <= mapping.end) ++old;
    }
    keep_unmapped(UINT64_MAX);
    if (past_.size() != past_size) bound_past();
}

void MappingHistory::bound_past() {
    if (past_.size() > kMaxPastEntries) {
        // Half of them, so that this is rare.
        const auto middle = past_.begin() + static_cast<ptrdiff_t>(past_.size() - kMaxPastEntries / 2);
        std::nth_element(past_.begin(), middle, past_.end(),
                         [](const Entry& a, const Entry& b) { return a.last_layout < b.last_layout; });
        for (auto entry = past_.begin(); entry != middle; ++entry) {
            forgotten_layout_ = std::max(forgotten_layout_, entry->last_layout);
        }
        past_.erase(past_.begin(), middle);
    }
    std::sort(past_.begin(), past_.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.start, a.last_layout) < std::tie(b.start, b.last_layout);
    });
    past_max_end_.clear();
    uint64_t max_end = 0;
    for (const Entry& entry : past_) past_max_end_.push_back(max_end = std::max(max_end, entry.end));
}

const MappingHistory::Entry* MappingHistory::find_current(uint64_t address) const {
    const auto after = std::upper_bound(current_.begin(), current_.end(), address,
                                        [](uint64_t value, const Entry& entry) { return value < entry.start; });
    if (after == current_.begin()) return nullptr;
    const Entry& entry = *std::prev(after);
    return address < entry.end ? &entry : nullptr;
}

const ModuleMapping* MappingHistory::find(uint64_t address, uint32_t layout) const {
    const Entry* found = find_current(address);
    if (layout == 0) return found;
    const auto was_there = [layout](const Entry& entry) {
        return entry.first_layout <= layout && layout <= entry.last_layout;
    };
    if (found != nullptr && was_there(*found)) return found;
    bool always_the_same = layout > forgotten_layout_;
    auto after = std::upper_bound(past_.begin(), past_.end(), address,
                                  [](uint64_t value, const Entry& entry) { return value < entry.start; });
    for (auto i = static_cast<size_t>(after - past_.begin()); i > 0 && past_max_end_[i - 1] > address; --i) {
        const Entry& past = past_[i - 1];
        if (address >= past.end) continue;
        if (was_there(past)) return &past;
        always_the_same = always_the_same && found != nullptr && past.means_the_same(*found);
    }
    return always_the_same ? found : nullptr;
}

}  // namespace whoholds
