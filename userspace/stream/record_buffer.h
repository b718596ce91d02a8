// RecordBuffer: records that were read from the rings and not applied yet. The rings are small and must be read at once, also
// while a report is made and while a burst is applied; here is room for seconds. First in, first out, except for stacks, for
// which no order matters. Bounded: when it is full the rings are left alone, and what they lose is counted where it is lost.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "stream/record.h"

namespace whoholds {

class RecordBuffer : public RecordSink {
public:
    void on_record(const Record& record) override;

    [[nodiscard]] bool is_full() const { return records_.size() - next_ >= kMaxRecords; }
    [[nodiscard]] bool is_empty() const { return next_ == records_.size() && stacks_.empty(); }

    // Hands on at most `count` records, in order.
    void apply_some(RecordSink& sink, size_t count);

private:
    static constexpr size_t kMaxRecords = 4'000'000;
    static constexpr size_t kKeepCapacity = 65'536;

    struct Compact {  // 48 bytes
        uint64_t key;
        uint64_t size;
        uint64_t time_ns;
        uint32_t tid;
        uint32_t stack;
        uint32_t flags;
        uint16_t process;
        RecordType type;
        uint8_t kind;
        bool tentative;
    };
    static Record expand(const Compact& compact);
    void apply_stacks(RecordSink& sink);

    std::vector<Compact> records_;
    size_t next_ = 0;  // the first one that was not handed on
    struct KeptStack {
        Record record;
        std::vector<uint64_t> frames;
        std::unique_ptr<wh_snapshot_record> snapshot;
    };
    std::vector<KeptStack> stacks_;
};

}  // namespace whoholds
