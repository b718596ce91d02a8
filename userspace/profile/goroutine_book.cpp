#include "profile/goroutine_book.h"

#include <span>
#include <utility>

#include "bpf/shared/resource_kinds.h"

namespace whoholds {

void GoroutineBook::compare(uint16_t process, const GoroutineList& list, bool begins_with_nothing,
                            Aggregator& aggregator) {
    absl::flat_hash_set<uint64_t> held;
    aggregator.for_each_block(process, WH_KIND_GOROUTINE, [&](uint64_t id, const Block&) { held.insert(id); });
    absl::flat_hash_set<uint64_t> listed(list.uncertain.begin(), list.uncertain.end());
    for (const ListedGoroutine& one : list.alive) listed.insert(one.id);

    Record record;
    record.kind = WH_KIND_GOROUTINE;
    record.process = process;
    record.size = 1;
    record.time_ns = list.started_ns;

    const auto [place, is_first] = unannounced_.try_emplace(process);
    absl::flat_hash_set<uint64_t> unannounced;
    record.type = RecordType::kAcquire;
    record.origin = is_first && !begins_with_nothing ? Origin::kBeforeAttach : Origin::kUnseen;
    for (const ListedGoroutine& one : list.alive) {
        if (held.contains(one.id)) continue;
        if (record.origin == Origin::kUnseen && !place->second.contains(one.id)) {
            unannounced.insert(one.id);
            continue;
        }
        record.key = one.id;
        record.frames = {&one.creator, one.creator == 0 ? 0u : 1u};
        aggregator.on_record(record);
    }
    place->second = std::move(unannounced);

    if (!list.is_whole) return;
    std::vector<uint64_t> gone;
    aggregator.for_each_travelled(process, WH_KIND_GOROUTINE, [&](uint64_t id, const Block& block) {
        if (block.time_ns < list.started_ns && !listed.contains(id)) gone.push_back(id);
    });
    record.type = RecordType::kRelease;
    record.frames = {};
    for (const uint64_t id : gone) {
        record.key = id;
        aggregator.on_record(record);
    }
}

}  // namespace whoholds
