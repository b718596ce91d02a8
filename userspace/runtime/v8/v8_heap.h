// Objects in the heap of a live V8: types, strings, arrays. Used by the readers of functions, scripts and code.
// Invariant: everything in it is untrusted and may change while it is read: sizes and depths are bounded, what has not the type that is asked
// for is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "proc/process_memory.h"
#include "runtime/v8/layout.h"

namespace whoholds {

constexpr bool is_v8_number(uint64_t word) { return (word & 1) == 0; }
constexpr int32_t v8_number(uint64_t word) { return static_cast<int32_t>(word >> 32); }

struct V8Text {
    std::vector<uint16_t> units;  // of UTF-16
    [[nodiscard]] std::string utf8() const;
};

class V8Heap {
public:
    using Read = std::function<Result<void>(uint64_t address, std::span<uint8_t> buffer)>;

    V8Heap(Read read, const V8Layout& layout) : read_(std::move(read)), layout_(layout) {}

    [[nodiscard]] const V8Layout& layout() const { return layout_; }
    [[nodiscard]] Result<uint64_t> word(uint64_t address) const;
    [[nodiscard]] Result<uint32_t> half(uint64_t address) const;
    [[nodiscard]] Result<std::vector<uint8_t>> bytes(uint64_t address, size_t size) const;

    // Of a word that points to an object: its address. Weak pointers, too.
    [[nodiscard]] Result<uint64_t> object(uint64_t word) const;
    [[nodiscard]] Result<uint16_t> type(uint64_t object) const;
    // The object that the word at `address` points to, if it is of this type.
    [[nodiscard]] Result<uint64_t> object_at(uint64_t address, uint16_t type) const;

    // word: points to a string of at most `limit` characters.
    [[nodiscard]] Result<V8Text> text(uint64_t word, size_t limit) const;
    // word: points to an array of bytes.
    [[nodiscard]] Result<std::vector<uint8_t>> byte_array(uint64_t word) const;

private:
    struct Limits {
        size_t characters;
        int depth;
        size_t& parts;
    };
    [[nodiscard]] Result<void> append(uint64_t word, Limits limits, std::vector<uint16_t>& units) const;
    [[nodiscard]] Result<void> append_characters(uint64_t address, uint32_t length, bool is_one_byte,
                                                 std::vector<uint16_t>& units) const;

    Read read_;
    V8Layout layout_;
};

Error no_v8_object();

}  // namespace whoholds
