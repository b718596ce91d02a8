#include "stream/record_buffer.h"

#include <algorithm>

namespace whoholds {

void RecordBuffer::on_record(const Record& record) {
    if (record.type == RecordType::kStack || record.type == RecordType::kSnapshot) {
        stacks_.push_back({record,
                           {record.frames.begin(), record.frames.end()},
                           record.snapshot ? std::make_unique<wh_snapshot_record>(*record.snapshot) : nullptr});
        return;
    }
    records_.push_back({record.key, record.size, record.time_ns, record.tid, record.stack, record.flags, record.process,
                        record.type, record.kind, record.tentative});
}

Record RecordBuffer::expand(const Compact& compact) {
    Record record;
    record.type = compact.type;
    record.kind = compact.kind;
    record.process = compact.process;
    record.tid = compact.tid;
    record.key = compact.key;
    record.size = compact.size;
    record.time_ns = compact.time_ns;
    record.stack = compact.stack;
    record.flags = compact.flags;
    record.tentative = compact.tentative;
    return record;
}

void RecordBuffer::apply_stacks(RecordSink& sink) {
    for (KeptStack& kept : stacks_) {
        kept.record.frames = kept.frames;
        kept.record.snapshot = kept.snapshot.get();
        sink.on_record(kept.record);
    }
    stacks_.clear();
}

void RecordBuffer::apply_some(RecordSink& sink, size_t count) {
    constexpr size_t kAhead = 8;  // far enough for memory to arrive
    apply_stacks(sink);
    const size_t end = std::min(records_.size(), next_ + count);
    for (; next_ < end; next_++) {
        if (next_ + kAhead < end) {
            const Compact& ahead = records_[next_ + kAhead];
            sink.expect(ahead.process, ahead.kind, ahead.key);
        }
        sink.on_record(expand(records_[next_]));
    }
    if (next_ < records_.size()) return;
    records_.clear();
    next_ = 0;
    if (records_.capacity() > kKeepCapacity) std::vector<Compact>().swap(records_);
}

}  // namespace whoholds
