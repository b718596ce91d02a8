#include "bpf/live_source.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

namespace whoholds {

namespace {

// Both kinds of stack record begin alike.
Record stack_record(RecordType type, const auto& raw) {
    Record record;
    record.type = type;
    record.kind = raw.kind;
    record.process = raw.process;
    record.stack = raw.stack;
    record.hash = raw.hash;
    record.stack_status = raw.status;
    record.layout = raw.layout;
    return record;
}

void deliver_stack(std::span<const std::byte> bytes, RecordSink& sink) {
    wh_stack_record raw{};
    constexpr size_t kHead = offsetof(wh_stack_record, frames);
    if (bytes.size() < kHead) return;
    std::memcpy(&raw, bytes.data(), std::min(bytes.size(), sizeof(raw)));
    Record record = stack_record(RecordType::kStack, raw);
    record.tid = raw.tid;
    const uint64_t* frames = reinterpret_cast<const uint64_t*>(raw.frames);
    record.frames = {frames, std::min<size_t>(raw.frame_count, (bytes.size() - kHead) / sizeof(uint64_t))};
    sink.on_record(record);
}

void deliver_snapshot(std::span<const std::byte> bytes, RecordSink& sink) {
    if (bytes.size() < sizeof(wh_snapshot_record)) return;
    auto raw = std::make_unique<wh_snapshot_record>();
    std::memcpy(raw.get(), bytes.data(), sizeof(*raw));
    Record record = stack_record(RecordType::kSnapshot, *raw);
    record.snapshot = raw.get();
    sink.on_record(record);
}

void deliver(std::span<const std::byte> bytes, RecordSink& sink, bool late) {
    if (bytes.empty()) return;
    auto type = static_cast<wh_record_type>(bytes[0]);
    if (type == WH_RECORD_STACK) return deliver_stack(bytes, sink);
    if (type == WH_RECORD_SNAPSHOT) return deliver_snapshot(bytes, sink);
    wh_record raw{};
    if (bytes.size() < sizeof(raw)) return;
    std::memcpy(&raw, bytes.data(), sizeof(raw));
    Record record;
    record.kind = raw.kind;
    record.process = raw.process;
    record.tid = raw.tid;
    record.key = raw.key;
    record.size = raw.size;
    record.time_ns = raw.time_ns;
    record.stack = raw.stack;
    record.flags = raw.flags;
    record.tentative = (raw.flags & WH_FLAG_TENTATIVE) != 0;
    switch (type) {
        case WH_RECORD_ACQUIRE: record.type = RecordType::kAcquire; break;
        case WH_RECORD_RELEASE: record.type = late ? RecordType::kLateRelease : RecordType::kRelease; break;
        case WH_RECORD_RESTORE: record.type = late ? RecordType::kLateRestore : RecordType::kRestore; break;
        case WH_RECORD_LOADER: record.type = RecordType::kLoaderChanged; break;
        case WH_RECORD_EXEC: record.type = RecordType::kExec; break;
        case WH_RECORD_FORK: record.type = RecordType::kFork; break;
        case WH_RECORD_FAILED: record.type = RecordType::kFailed; break;
        case WH_RECORD_GO_SAMPLE: record.type = RecordType::kGoSample; break;
        case WH_RECORD_GO_MARKING: record.type = RecordType::kGoMarking; break;
        case WH_RECORD_JS_SAMPLE: record.type = RecordType::kJsSample; break;
        case WH_RECORD_JS_HEAP: record.type = RecordType::kJsHeap; break;
        case WH_RECORD_JS_HEAP_ENDS: record.type = RecordType::kJsHeapEnds; break;
        case WH_RECORD_MAPPINGS: record.type = RecordType::kMappings; break;
        case WH_RECORD_NONE:
        case WH_RECORD_STACK:
        case WH_RECORD_SNAPSHOT: return;
    }
    sink.on_record(record);
}

uint64_t load(__u64& word) { return std::atomic_ref(word).load(std::memory_order_acquire); }

Record young_record(wh_young_bucket& bucket, unsigned way, uint64_t owner, RecordType type) {
    uint64_t size_stack = load(bucket.size_stack[way]);
    Record record;
    record.type = type;
    record.kind = static_cast<uint8_t>(owner >> 8);
    record.process = static_cast<uint16_t>(owner >> 16);
    record.key = load(bucket.key[way]);
    record.size = size_stack & WH_YOUNG_SIZE_MAX;
    record.stack = static_cast<uint32_t>(size_stack >> WH_YOUNG_SIZE_BITS);
    record.time_ns = load(bucket.time_ns[way]);
    return record;
}

bool is_live(uint64_t owner) { return (owner & 0xff) == WH_YOUNG_LIVE; }

}  // namespace

uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

LiveSource::LiveSource(Tracer& tracer, RingReader ring, RingReader backlog)
    : tracer_(&tracer), ring_(std::move(ring)), backlog_(std::move(backlog)) {}

Result<LiveSource> LiveSource::open(Tracer& tracer) {
    WH_TRY(auto ring, RingReader::open(tracer.ring_fd(), tracer.options().ring_bytes));
    WH_TRY(auto backlog, RingReader::open(tracer.backlog_fd(), tracer.options().backlog_bytes));
    return LiveSource(tracer, std::move(ring), std::move(backlog));
}

bool LiveSource::round(RecordSink& sink, std::optional<uint64_t> young_age_ns) {
    if (!round_open_) {
        round_time_ns_ = monotonic_ns();
        uint64_t limit = backlog_.producer_position();
        if (!backlog_.read_until(limit, [&](auto bytes) { deliver(bytes, sink, true); })) return false;
        round_limit_ = ring_.producer_position();
        round_open_ = true;
    }
    if (!ring_.read_until(round_limit_, [&](auto bytes) { deliver(bytes, sink, false); })) return false;
    round_open_ = false;
    Record end;
    end.type = RecordType::kRoundEnd;
    sink.on_record(end);
    if (!young_age_ns) return true;
    uint64_t before_ns = std::min(round_time_ns_, monotonic_ns() - *young_age_ns);
    sweep(sink, [&](uint64_t, uint64_t time_ns) { return time_ns < before_ns; });
    return true;
}

// wanted(owner, time_ns) is asked of each live slot.
template <class Wanted>
void LiveSource::sweep(RecordSink& sink, Wanted wanted) {
    for (wh_young_bucket& bucket : tracer_->young()) {
        for (unsigned way = 0; way < WH_YOUNG_WAYS; way++) {
            __u64& owner_word = bucket.owner[way];
            uint64_t owner = load(owner_word);
            if (!is_live(owner)) continue;
            if (!wanted(owner, load(bucket.time_ns[way]))) continue;
            __u64 expected = owner;
            // The version in `owner` makes sure that the time just read is this resource's.
            if (!std::atomic_ref(owner_word).compare_exchange_strong(expected, owner - WH_YOUNG_LIVE + WH_YOUNG_BUSY))
                continue;
            Record record = young_record(bucket, way, owner, RecordType::kAcquire);
            std::atomic_ref(owner_word).store(owner & ~WH_YOUNG_OWNER_MASK, std::memory_order_release);
            sink.on_record(record);
        }
    }
}

void LiveSource::census(RecordSink& sink) {
    uint32_t index = 1;
    auto deliver_counters = [&](uint32_t stack, uint32_t kind_process) {
        wh_stack_counters sum = tracer_->stack_counters(stack);
        Record record;
        record.type = RecordType::kStackCounters;
        record.kind = static_cast<uint8_t>(kind_process & 0xff);
        record.process = static_cast<uint16_t>(kind_process >> 16);
        record.stack = stack;
        record.died_count = sum.died_count;
        record.died_bytes = sum.died_bytes;
        record.lost_count = sum.lost_count;
        record.lost_bytes = sum.lost_bytes;
        sink.on_record(record);
    };
    for (wh_stack_bucket& bucket : tracer_->stacks())
        for (unsigned way = 0; way < WH_STACK_WAYS; way++, index++)
            if (load(bucket.hash[way]) != 0) deliver_counters(index, bucket.kind_process[way]);
    if (tracer_->counter(WH_COUNTER_STACK_TABLE_FULL) != 0)
        for (uint32_t row = 0; row < WH_NO_STACK_ROWS; row++)
            if (tracer_->stack_counters(tracer_->config().no_stack_base + row).died_count +
                    tracer_->stack_counters(tracer_->config().no_stack_base + row).lost_count !=
                0)
                deliver_counters(tracer_->config().no_stack_base + row,
                                 row % WH_NO_STACK_KINDS | (row / WH_NO_STACK_KINDS) << 16);
    Record begin;
    begin.type = RecordType::kYoungBegin;
    sink.on_record(begin);
    for (wh_young_bucket& bucket : tracer_->young())
        for (unsigned way = 0; way < WH_YOUNG_WAYS; way++) {
            __u64& owner_word = bucket.owner[way];
            uint64_t owner = load(owner_word);
            if (!is_live(owner)) continue;
            Record record = young_record(bucket, way, owner, RecordType::kYoung);
            if (load(owner_word) == owner) sink.on_record(record);
        }
}

void LiveSource::end_process(RecordSink& sink, uint16_t slot, uint64_t now_ns) {
    sweep(sink, [&](uint64_t owner, uint64_t) { return static_cast<uint16_t>(owner >> 16) == slot; });
    Record end;
    end.type = RecordType::kProcessEnd;
    end.process = slot;
    end.time_ns = now_ns;
    sink.on_record(end);
}

void LiveSource::forget_young(const std::vector<bool>& slots) {
    struct Nobody : RecordSink {
        void on_record(const Record& /*record*/) override {}
    } nobody;
    sweep(nobody, [&](uint64_t owner, uint64_t) { return slots[static_cast<uint16_t>(owner >> 16)]; });
}

bool LiveSource::under_pressure() {
    uint64_t spills = tracer_->counter(WH_COUNTER_SPILLED);
    return std::exchange(seen_spills_, spills) != spills;
}

}  // namespace whoholds
