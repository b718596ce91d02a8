#include "analyze/go_ledger.h"

#include <array>

namespace whoholds {
namespace {

constexpr Amount kOne{1, 0};

void add(Amount& to, const Amount& what) {
    to.count += what.count;
    to.bytes += what.bytes;
}

void take(Amount& from, const Amount& what) {
    from.count -= what.count;
    from.bytes -= what.bytes;
}

void note_growth(GoTally& tally, double time_s) {
    tally.growth.add(time_s, tally.held);
    tally.acquired_growth.add(time_s, tally.acquired);
    tally.released_growth.add(time_s, tally.released);
}

}  // namespace

void GoLedger::look(const GoReadings& readings, double time_s) {
    if (readings.facts) collections_.add(time_s, {readings.facts->gc_count, 0});
    if (readings.heap) look_at_heap(*readings.heap, time_s);
    if (readings.goroutines) look_at_goroutines(*readings.goroutines, time_s);
}

std::optional<double> GoLedger::collections_per_min() const {
    const auto rate = collections_.per_minute();
    if (!rate) return std::nullopt;
    return rate->count;
}

std::optional<double> GoLedger::first_seen_s(uint64_t goroutine) const {
    const auto found = known_.find(goroutine);
    return found == known_.end() ? std::nullopt : std::optional(found->second.first_seen_s);
}

// Stacks never leave the runtime's table, and their counts never fall.
void GoLedger::look_at_heap(const GoHeapProfile& profile, double time_s) {
    heap_total_.acquired = heap_total_.released = {};
    for (const GoHeapStack& stack : profile.scaled) {
        GoTally& tally = heap_[stack.frames];
        tally.acquired = {stack.allocated.objects, stack.allocated.bytes};
        tally.released = {stack.freed.objects, stack.freed.bytes};
        tally.held = tally.acquired;
        take(tally.held, tally.released);
        add(heap_total_.acquired, tally.acquired);
        add(heap_total_.released, tally.released);
        note_growth(tally, time_s);
    }
    heap_total_.held = heap_total_.acquired;
    take(heap_total_.held, heap_total_.released);
    note_growth(heap_total_, time_s);
}

void GoLedger::meet(const GoroutineRecord& record, bool is_first, double time_s) {
    const auto [found, is_new] = known_.try_emplace(record.id);
    Known& known = found->second;
    known.seen_at = looks_;
    if (!is_new) return;
    known.creator = creator_of(record);
    known.first_seen_s = time_s;
    for (GoTally* tally : {&goroutines_[known.creator], &goroutine_total_}) {
        add(is_first ? tally->before : tally->acquired, kOne);
        add(tally->held, kOne);
    }
}

void GoLedger::part(const Known& known) {
    for (GoTally* tally : {&goroutines_[known.creator], &goroutine_total_}) {
        add(tally->released, kOne);
        take(tally->held, kOne);
    }
}

void GoLedger::look_at_goroutines(const GoroutineSnapshot& snapshot, double time_s) {
    const bool is_first = looks_++ == 0;
    for (const Goroutine& goroutine : snapshot.goroutines) {
        if (!goroutine.is_system) meet(goroutine.record, is_first, time_s);
    }
    for (const uint64_t id : snapshot.torn_ids) {
        if (const auto found = known_.find(id); found != known_.end()) found->second.seen_at = looks_;
    }
    absl::erase_if(known_, [&](const auto& one) {
        if (one.second.seen_at == looks_) return false;
        part(one.second);
        return true;
    });
    for (auto& [creator, tally] : goroutines_) note_growth(tally, time_s);
    note_growth(goroutine_total_, time_s);
}

}  // namespace whoholds
