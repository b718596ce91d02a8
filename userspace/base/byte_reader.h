// ByteReader: a cursor over untrusted little-endian bytes (ELF, DWARF, CFI, /proc/PID/auxv).
// Invariant: never reads outside of its span. The first read that does not fit fails and every later one fails too,
// so that a run of reads can be checked once, with ok(), at its end. Does not own the bytes.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace whoholds {

class ByteReader {
public:
    ByteReader() = default;
    explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] size_t offset() const { return offset_; }
    [[nodiscard]] size_t size() const { return bytes_.size(); }
    [[nodiscard]] size_t remaining() const { return bytes_.size() - offset_; }
    [[nodiscard]] bool at_end() const { return offset_ == bytes_.size(); }

    std::optional<uint8_t> u8() { return fixed<uint8_t>(); }
    std::optional<uint16_t> u16() { return fixed<uint16_t>(); }
    std::optional<uint32_t> u32() { return fixed<uint32_t>(); }
    std::optional<uint64_t> u64() { return fixed<uint64_t>(); }
    std::optional<int8_t> i8() { return fixed<int8_t>(); }
    std::optional<int16_t> i16() { return fixed<int16_t>(); }
    std::optional<int32_t> i32() { return fixed<int32_t>(); }
    std::optional<int64_t> i64() { return fixed<int64_t>(); }
    // An unsigned number of 1, 2, 4 or 8 bytes, as wide as the file says (DWARF offsets, ELF words).
    std::optional<uint64_t> unsigned_of(size_t width);

    // DWARF's variable-length numbers. One that does not fit 64 bits fails.
    std::optional<uint64_t> uleb128();
    std::optional<int64_t> sleb128();

    // Up to the terminating zero, which is consumed but not returned; fails if there is none.
    std::optional<std::string_view> c_string();
    std::optional<std::span<const uint8_t>> bytes(size_t count);
    // A reader of the next count bytes alone (offset() starts at 0 in it); this one continues after them.
    std::optional<ByteReader> sub_reader(size_t count);

    bool skip(size_t count);
    // To an absolute offset; one behind the last byte is allowed.
    bool seek(size_t offset);
    // To the next multiple of alignment, counted from the start of the span.
    bool align(size_t alignment);

    // For the caller that found !ok(): "<what>: cut short or malformed at byte 17 of 32".
    [[nodiscard]] Error error(std::string_view what) const;

private:
    template <std::integral T>
    std::optional<T> fixed() {
        if (!reserve(sizeof(T))) return std::nullopt;
        T value;
        std::memcpy(&value, bytes_.data() + offset_, sizeof value);
        offset_ += sizeof value;
        return value;
    }
    bool reserve(size_t count) {
        if (count > remaining()) ok_ = false;
        return ok_;
    }
    std::nullopt_t fail() {
        ok_ = false;
        return std::nullopt;
    }

    std::span<const uint8_t> bytes_;
    size_t offset_ = 0;
    bool ok_ = true;
};

inline std::optional<uint64_t> ByteReader::unsigned_of(size_t width) {
    switch (width) {
        case 1: return u8();
        case 2: return u16();
        case 4: return u32();
        case 8: return u64();
        default: return fail();
    }
}

inline std::optional<uint64_t> ByteReader::uleb128() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const std::optional<uint8_t> byte = u8();
        if (!byte) return std::nullopt;
        const uint64_t bits = *byte & 0x7f;
        // Padding with 0x80 bytes is legal (assemblers do it for relaxed sizes), bits beyond the 64th are not.
        if (shift >= 64 ? bits != 0 : (bits << shift) >> shift != bits) return fail();
        if (shift < 64) value |= bits << shift;
        if ((*byte & 0x80) == 0) return value;
    }
}

inline std::optional<int64_t> ByteReader::sleb128() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const std::optional<uint8_t> byte = u8();
        if (!byte) return std::nullopt;
        const uint64_t bits = *byte & 0x7f;
        if (shift < 63) {
            value |= bits << shift;
        } else {
            // From the 64th bit on only copies of the sign may follow.
            const bool negative = shift == 63 ? (bits & 1) != 0 : (value >> 63) != 0;
            if (bits != (negative ? 0x7fU : 0U)) return fail();
            if (shift == 63) value |= bits << shift;
        }
        if ((*byte & 0x80) == 0) {
            if (shift + 7 < 64 && (*byte & 0x40) != 0) value |= ~uint64_t{0} << (shift + 7);
            return static_cast<int64_t>(value);
        }
    }
}

inline std::optional<std::string_view> ByteReader::c_string() {
    if (!ok_ || at_end()) return fail();
    const uint8_t* start = bytes_.data() + offset_;
    const void* zero = std::memchr(start, 0, remaining());
    if (zero == nullptr) return fail();
    const size_t length = static_cast<size_t>(static_cast<const uint8_t*>(zero) - start);
    offset_ += length + 1;
    return std::string_view(reinterpret_cast<const char*>(start), length);
}

inline std::optional<std::span<const uint8_t>> ByteReader::bytes(size_t count) {
    if (!reserve(count)) return std::nullopt;
    const std::span<const uint8_t> result = bytes_.subspan(offset_, count);
    offset_ += count;
    return result;
}

inline std::optional<ByteReader> ByteReader::sub_reader(size_t count) {
    const auto inner = bytes(count);
    if (!inner) return std::nullopt;
    return ByteReader(*inner);
}

inline bool ByteReader::skip(size_t count) {
    if (!reserve(count)) return false;
    offset_ += count;
    return true;
}

inline bool ByteReader::seek(size_t offset) {
    if (offset > bytes_.size()) ok_ = false;
    if (ok_) offset_ = offset;
    return ok_;
}

inline bool ByteReader::align(size_t alignment) {
    const size_t past = alignment == 0 ? 0 : offset_ % alignment;
    return skip(past == 0 ? 0 : alignment - past);
}

inline Error ByteReader::error(std::string_view what) const {
    return {ErrorCode::kMalformed, std::string(what) + ": cut short or malformed at byte " + std::to_string(offset_) +
                                       " of " + std::to_string(bytes_.size())};
}

}  // namespace whoholds
