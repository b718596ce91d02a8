// Writes protocol buffers (proto3's wire format), as much of them as profile.proto needs. Used by pprof.cpp.
// Invariant: zeros, empty texts and empty lists are left out, which proto3 reads back as such.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace whoholds {

class ProtobufWriter {
public:
    void number(uint32_t field, uint64_t value) {
        if (value == 0) return;
        varint(uint64_t{field} << 3);
        varint(value);
    }
    void bytes(uint32_t field, std::string_view value) {
        if (!value.empty()) delimited(field, value);
    }
    // Also when it is empty: an entry of a list counts.
    void entry(uint32_t field, std::string_view value) { delimited(field, value); }
    void packed(uint32_t field, std::span<const uint64_t> values) {
        ProtobufWriter list;
        for (const uint64_t value : values) list.varint(value);
        bytes(field, list.text_);
    }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    void varint(uint64_t value) {
        for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
        text_ += static_cast<char>(value);
    }
    void delimited(uint32_t field, std::string_view value) {
        varint(uint64_t{field} << 3 | 2);
        varint(value.size());
        text_ += value;
    }

    std::string text_;
};

}  // namespace whoholds
