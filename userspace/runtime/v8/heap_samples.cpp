#include "runtime/v8/heap_samples.h"

#include <algorithm>

#include "bpf/shared/resource_kinds.h"

namespace whoholds {

void JsSampleBook::add(uint32_t heap, const Record& sample) {
    const auto [found, is_new] =
        heaps_[heap].try_emplace(sample.flags, Known{sample.size, sample.time_ns, sample.stack, sample.process, false});
    if (!is_new) return;
    waiting_bytes_ += sample.size;
    ++taken_;
}

void JsSampleBook::hold(uint32_t heap, uint32_t number, Known& known, const Emit& emit) {
    if (known.is_held) return;
    if (!known.was_held) waiting_bytes_ -= known.size;
    known.is_held = known.was_held = true;
    Record record;
    record.type = RecordType::kAcquire;
    record.kind = WH_KIND_JS_HEAP;
    record.process = known.process;
    record.key = uint64_t{heap} << 32 | number;
    record.size = known.size;
    record.time_ns = known.time_ns;
    record.stack = known.stack;
    emit(record);
}

void JsSampleBook::release(uint32_t heap, uint32_t number, Known& known, uint64_t now_ns, const Emit& emit) {
    if (!known.is_held) return;
    known.is_held = false;
    Record record;
    record.type = RecordType::kRelease;
    record.kind = WH_KIND_JS_HEAP;
    record.process = known.process;
    record.key = uint64_t{heap} << 32 | number;
    record.time_ns = now_ns;
    emit(record);
}

void JsSampleBook::let_go(uint32_t heap, uint32_t number, Known& known, uint64_t now_ns, const Emit& emit) {
    if (!known.was_held) hold(heap, number, known, emit);
    release(heap, number, known, now_ns, emit);
    if (known.missed > 0) missed_rightly_++;
}

void JsSampleBook::look(uint32_t heap, std::span<const wh_js_sample> table, uint32_t full_collections, uint64_t now_ns,
                        const Emit& emit) {
    const auto found = heaps_.find(heap);
    if (found == heaps_.end()) return;
    absl::flat_hash_map<uint32_t, uint32_t> flags;
    flags.reserve(table.size());
    for (const wh_js_sample& sample : table) flags[sample.number] = sample.flags;
    absl::erase_if(found->second, [&](auto& one) {
        auto& [number, known] = one;
        const auto there = flags.find(number);
        if (there == flags.end()) {
            let_go(heap, number, known, now_ns, emit);
            return true;
        }
        if ((there->second & WH_JS_FOUND_ALIVE) == 0) return false;
        // The flag may be older than the census.
        if (known.missed > 0 && known.missed_at_collection == full_collections) return false;
        if (known.missed > 0) missed_wrongly_++;
        known.missed = 0;
        hold(heap, number, known, emit);
        return false;
    });
}

void JsSampleBook::look_by_census(uint32_t heap, std::span<const Counted> counted, uint32_t full_collections,
                                  uint64_t now_ns, const Emit& emit) {
    constexpr uint32_t kEnough = 2;
    const auto found = heaps_.find(heap);
    if (found == heaps_.end()) return;
    for (const Counted& one : counted) {
        const auto sample = found->second.find(one.number);
        if (sample == found->second.end()) continue;
        Known& known = sample->second;
        if (one.is_alive) {
            known.missed = 0;
            if (++known.found >= kEnough) hold(heap, one.number, known, emit);
            continue;
        }
        known.found = 0;
        known.missed++;
        known.missed_at_collection = full_collections;
        if (known.missed >= kEnough) release(heap, one.number, known, now_ns, emit);
    }
}

std::map<uint32_t, uint64_t> JsSampleBook::waiting() const {
    std::map<uint32_t, uint64_t> by_stack;
    for (const auto& [heap, samples] : heaps_)
        for (const auto& [number, known] : samples)
            if (!known.was_held && known.missed == 0) by_stack[known.stack]++;
    return by_stack;
}

uint64_t JsSampleBook::largest_bytes() const {
    uint64_t largest = 0;
    for (const auto& [heap, samples] : heaps_)
        for (const auto& [number, known] : samples) largest = std::max(largest, known.size);
    return largest;
}

void JsSampleBook::end(uint32_t heap, uint64_t now_ns, const Emit& emit) {
    look(heap, {}, 0, now_ns, emit);
    heaps_.erase(heap);
}

void JsSampleBook::end_all(uint64_t now_ns, const Emit& emit) {
    for (auto& [heap, samples] : heaps_) look(heap, {}, 0, now_ns, emit);
    heaps_.clear();
}

}  // namespace whoholds
