#include "runtime/v8/heap_samples.h"

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
    known.is_held = true;
    waiting_bytes_ -= known.size;
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

void JsSampleBook::let_go(uint32_t heap, uint32_t number, Known& known, uint64_t now_ns, const Emit& emit) {
    hold(heap, number, known, emit);
    Record record;
    record.type = RecordType::kRelease;
    record.kind = WH_KIND_JS_HEAP;
    record.process = known.process;
    record.key = uint64_t{heap} << 32 | number;
    record.time_ns = now_ns;
    emit(record);
}

void JsSampleBook::look(uint32_t heap, std::span<const wh_js_sample> table, uint64_t now_ns, const Emit& emit) {
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
        if (there->second & WH_JS_FOUND_ALIVE) hold(heap, number, known, emit);
        return false;
    });
}

void JsSampleBook::end(uint32_t heap, uint64_t now_ns, const Emit& emit) {
    look(heap, {}, now_ns, emit);
    heaps_.erase(heap);
}

void JsSampleBook::end_all(uint64_t now_ns, const Emit& emit) {
    for (auto& [heap, samples] : heaps_) look(heap, {}, now_ns, emit);
    heaps_.clear();
}

}  // namespace whoholds
