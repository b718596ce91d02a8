// Reads a BPF ring buffer up to a position. libbpf's reader has no positions (1.1), and the order rule of LiveSource needs them:
// "everything reserved before this moment has been read".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/result.h"

namespace whoholds {

class RingReader {
public:
    // map_fd stays the caller's. size_bytes: max_entries of the map.
    static Result<RingReader> open(int map_fd, size_t size_bytes);
    RingReader(RingReader&& other) noexcept;
    RingReader& operator=(RingReader&& other) noexcept;
    ~RingReader();

    // Where the next reservation will begin; what was reserved before now lies below it.
    [[nodiscard]] uint64_t producer_position() const;
    [[nodiscard]] uint64_t consumer_position() const;

    // Hands out records up to `until` and stops before one that is still being written. Returns whether `until` was reached.
    template <class Visitor>
    bool read_until(uint64_t until, Visitor visit) {
        while (consumer_position() < until) {
            std::span<const std::byte> record;
            Step step = next(record);
            if (step == Step::kWait) return false;
            if (step == Step::kRecord) visit(record);
            advance();
        }
        return true;
    }

private:
    enum class Step : uint8_t { kRecord, kDiscarded, kWait };
    RingReader() = default;
    Step next(std::span<const std::byte>& record);
    void advance();

    uint64_t* consumer_ = nullptr;
    const uint64_t* producer_ = nullptr;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
    size_t page_ = 0;
    uint64_t next_position_ = 0;
};

}  // namespace whoholds
