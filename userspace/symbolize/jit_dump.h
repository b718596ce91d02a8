// jit-PID.dump: the code that a JIT made, with names and lines, in the format of Linux perf (jitdump, version 1:
// tools/perf/Documentation/jitdump-specification.txt). Written by the target while we read: anything may stand in it.
// Used by the symboliser.
// Invariant: reading is done record by record and goes on where it stopped; a record counts once it is there as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "symbolize/jit_codes.h"

namespace whoholds {

class JitDump {
public:
    // Fills out with the bytes of the file from offset on; false if they are not there.
    using ReadAt = std::function<bool(uint64_t offset, std::span<uint8_t> out)>;
    using OutOfTime = std::function<bool()>;

    // Reads on, until what was written is read or time is out. An error is final: it comes again from every later call.
    Result<void> read(uint64_t file_size, const ReadAt& read_at, const OutOfTime& out_of_time);
    // Whether all whole records of a file of this size were read.
    [[nodiscard]] bool is_read(uint64_t file_size) const { return failed_ || read_to_size_ >= file_size; }
    [[nodiscard]] uint64_t position() const { return position_; }

    [[nodiscard]] std::optional<JitCodes::Place> find(uint64_t address) const;
    [[nodiscard]] size_t size() const { return codes_.size(); }
    [[nodiscard]] bool is_full() const { return codes_.is_full(); }

private:
    struct Record {
        uint32_t kind = 0;
        std::span<const uint8_t> body;  // the first bytes of it, at least as many as are needed
    };

    Result<void> read_header(uint64_t file_size, const ReadAt& read_at);
    Result<bool> read_record(uint64_t file_size, const ReadAt& read_at);
    bool load(uint64_t offset, size_t size, uint64_t file_size, const ReadAt& read_at);
    void apply(const Record& record);
    void apply_load(std::span<const uint8_t> body);
    void apply_debug_info(std::span<const uint8_t> body);

    JitCodes codes_;
    uint64_t position_ = 0;      // of the next record; 0: the header was not read
    uint64_t read_to_size_ = 0;  // size of the file when the last read() came to its end
    std::vector<uint8_t> window_;
    uint64_t window_at_ = 0;
    // Debug information comes before the code that it belongs to.
    uint64_t lines_of_ = 0;
    std::vector<JitLine> lines_;
    uint64_t lowest_line_ = UINT64_MAX;  // offset of the first line of all code so far
    std::optional<Error> failed_;
};

}  // namespace whoholds
