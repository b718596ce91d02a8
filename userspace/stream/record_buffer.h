// RecordBuffer: keeps records for a while, when those downstream must not change (a report is being made) but the rings must be
// read. Compact, and bounded: beyond the bound the rings are left alone, and what they lose is counted where it is lost.
#pragma once

#include <cstddef>
#include <vector>

#include "stream/record.h"

namespace whoholds {

class RecordBuffer : public RecordSink {
public:
    void on_record(const Record& record) override {
        if (record.type != RecordType::kStack) {
            records_.push_back({record.type, record.kind, record.process, record.tid, record.key, record.size,
                                record.time_ns, record.stack, record.flags, record.tentative});
            return;
        }
        stacks_.push_back(record);
        stacks_.back().frames = {};
        frames_.emplace_back(record.frames.begin(), record.frames.end());
    }

    [[nodiscard]] bool is_full() const { return records_.size() >= kMaxRecords; }

    // Hands everything on in order (stacks first: nobody minds when they come) and is empty again.
    void flush_to(RecordSink& sink) {
        for (size_t i = 0; i < stacks_.size(); i++) {
            stacks_[i].frames = frames_[i];
            sink.on_record(stacks_[i]);
        }
        for (const Compact& compact : records_) {
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
            sink.on_record(record);
        }
        std::vector<Compact>().swap(records_);
        stacks_.clear();
        frames_.clear();
    }

private:
    static constexpr size_t kMaxRecords = 4'000'000;  // 48 bytes each

    struct Compact {
        RecordType type;
        uint8_t kind;
        uint16_t process;
        uint32_t tid;
        uint64_t key;
        uint64_t size;
        uint64_t time_ns;
        uint32_t stack;
        uint32_t flags;
        bool tentative;
    };

    std::vector<Compact> records_;
    std::vector<Record> stacks_;
    std::vector<std::vector<uint64_t>> frames_;
};

}  // namespace whoholds
