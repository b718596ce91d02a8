#include "base/printable.h"

#include <cstdint>

namespace whoholds {
namespace {

struct CodePoint {
    uint32_t value = 0;
    size_t length = 0;  // 0: not valid UTF-8 here
};

uint8_t byte_at(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

CodePoint decode(std::string_view text, size_t at) {
    const uint8_t lead = byte_at(text, at);
    if (lead < 0x80) return {lead, 1};
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    if (length == 0 || lead > 0xf4 || at + length > text.size()) return {};

    uint32_t value = lead & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        const uint8_t next = byte_at(text, at + i);
        if ((next & 0xc0) != 0x80) return {};
        value = value << 6 | (next & 0x3fU);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < kSmallest[length] || value > 0x10ffff || surrogate) return {};
    return {value, length};
}

bool is_dangerous(uint32_t code_point) {
    const auto within = [code_point](uint32_t first, uint32_t last) {
        return code_point >= first && code_point <= last;
    };
    return within(0, 0x1f) || within(0x7f, 0x9f) ||  // C0, DEL, C1
           code_point == 0x61c || within(0x200e, 0x200f) || within(0x202a, 0x202e) ||
           within(0x2066, 0x2069) ||                        // text direction
           within(0x2028, 0x2029) || code_point == 0xfeff;  // line breaks, byte order mark
}

}  // namespace

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
        const CodePoint next = decode(text, at);
        if (next.length == 0 || is_dangerous(next.value)) {
            result += '?';
        } else {
            result += text.substr(at, next.length);
        }
        at += next.length == 0 ? 1 : next.length;
    }
    return result;
}

}  // namespace whoholds
