#include "symbolize/mapping_history.h"

#include <algorithm>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxEntries = 262'144;

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

bool MappingHistory::update(std::vector<ModuleMapping> now) {
    now = without_overlaps(std::move(now));
    std::vector<ModuleMapping> merged = now;
    auto next = now.begin();  // the first that ends behind the place we are at
    for (ModuleMapping old : entries_) {
        while (next != now.end() && next->end <= old.start) ++next;
        for (auto cover = next; old.start < old.end; ++cover) {
            if (cover == now.end() || cover->start >= old.end) {
                if (merged.size() < kMaxEntries) merged.push_back(old);
                break;
            }
            ModuleMapping left = old;
            left.end = cover->start;
            if (left.start < left.end && merged.size() < kMaxEntries) merged.push_back(left);
            const uint64_t skipped = std::min(cover->end, old.end) - old.start;
            old.start += skipped;
            old.file_offset += skipped;
        }
    }
    std::sort(merged.begin(), merged.end(), starts_before);
    const bool changed = merged != entries_;
    entries_ = std::move(merged);
    return changed;
}

const ModuleMapping* MappingHistory::find(uint64_t address) const {
    const auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                        [](uint64_t value, const ModuleMapping& entry) { return value < entry.start; });
    if (after == entries_.begin()) return nullptr;
    const ModuleMapping& entry = *std::prev(after);
    return address < entry.end ? &entry : nullptr;
}

}  // namespace whoholds
