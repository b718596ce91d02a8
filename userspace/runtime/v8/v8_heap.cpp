#include "runtime/v8/v8_heap.h"

#include <algorithm>
#include <cstring>

namespace whoholds {
namespace {

constexpr uint64_t kLastAddress = (uint64_t{1} << 47) - 1;
constexpr size_t kMaxArray = 16 << 20;
constexpr int kMaxDepth = 64;       // of strings that are made of strings
constexpr size_t kMaxParts = 4096;  // of one string

// Bits of a string's type (v8-internal.h and instance-type.h, the same from 10.2 to 13.6).
constexpr uint16_t kNoString = 0x80;
constexpr uint16_t kForm = 7;
constexpr uint16_t kPlain = 0;
constexpr uint16_t kJoined = 1;
constexpr uint16_t kExternal = 2;
constexpr uint16_t kSlice = 3;
constexpr uint16_t kThin = 5;
constexpr uint16_t kOneByte = 8;
constexpr uint16_t kUncached = 16;  // without a pointer to the characters

void put_utf8(std::string& text, uint32_t point) {
    const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
        put(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        put(0xe0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3f));
    } else {
        put(0xf0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3f));
        put(0x80 | (point >> 6 & 0x3f));
    }
    put(0x80 | (point & 0x3f));
}

}  // namespace

Error no_v8_object() { return {ErrorCode::kMalformed, "an object of V8 makes no sense"}; }

std::string V8Text::utf8() const {
    std::string text;
    for (size_t i = 0; i < units.size(); i++) {
        uint32_t point = units[i];
        if (point >= 0xd800 && point < 0xdc00 && i + 1 < units.size() && units[i + 1] >= 0xdc00 &&
            units[i + 1] < 0xe000)
            point = 0x10000 + ((point - 0xd800) << 10) + (units[++i] - 0xdc00U);
        else if (point >= 0xd800 && point < 0xe000)
            point = 0xfffd;
        put_utf8(text, point);
    }
    return text;
}

Result<uint64_t> V8Heap::word(uint64_t address) const {
    uint64_t value = 0;
    WH_TRY_VOID(read_(address, {reinterpret_cast<uint8_t*>(&value), sizeof value}));
    return value;
}

Result<uint32_t> V8Heap::half(uint64_t address) const {
    uint32_t value = 0;
    WH_TRY_VOID(read_(address, {reinterpret_cast<uint8_t*>(&value), sizeof value}));
    return value;
}

Result<std::vector<uint8_t>> V8Heap::bytes(uint64_t address, size_t size) const {
    if (size > 2 * kMaxArray || address > kLastAddress) return no_v8_object();
    std::vector<uint8_t> read(size);
    if (size > 0) WH_TRY_VOID(read_(address, read));
    return read;
}

Result<uint64_t> V8Heap::object(uint64_t word) const {
    if (is_v8_number(word) || word > kLastAddress) return no_v8_object();
    return word & ~uint64_t{3};
}

Result<uint16_t> V8Heap::type(uint64_t object) const {
    WH_TRY(const auto map, word(object));
    WH_TRY(const auto map_object, this->object(map));
    uint16_t number = 0;
    WH_TRY_VOID(read_(map_object + kV8MapType, {reinterpret_cast<uint8_t*>(&number), sizeof number}));
    return number;
}

Result<uint64_t> V8Heap::object_at(uint64_t address, uint16_t type) const {
    WH_TRY(const auto pointer, word(address));
    WH_TRY(const auto found, object(pointer));
    WH_TRY(const auto found_type, this->type(found));
    if (found_type != type) return no_v8_object();
    return found;
}

Result<V8Text> V8Heap::text(uint64_t word, size_t limit) const {
    V8Text text;
    size_t parts = kMaxParts;
    WH_TRY_VOID(append(word, {limit, 0, parts}, text.units));
    return text;
}

Result<void> V8Heap::append_characters(uint64_t address, uint32_t length, bool is_one_byte,
                                       std::vector<uint16_t>& units) const {
    WH_TRY(const auto read, bytes(address, is_one_byte ? length : size_t{2} * length));
    if (is_one_byte) {
        units.insert(units.end(), read.begin(), read.end());
        return {};
    }
    const size_t before = units.size();
    units.resize(before + length);
    if (length > 0) std::memcpy(units.data() + before, read.data(), read.size());
    return {};
}

Result<void> V8Heap::append(uint64_t pointer, Limits limits, std::vector<uint16_t>& units) const {
    constexpr uint64_t kLength = 12;
    constexpr uint64_t kContents = 16;
    constexpr uint64_t kSecond = 24;
    if (limits.depth > kMaxDepth || limits.parts-- == 0) return no_v8_object();
    const Limits further{limits.characters, limits.depth + 1, limits.parts};
    WH_TRY(const auto string, object(pointer));
    WH_TRY(const auto type, this->type(string));
    WH_TRY(const auto length, half(string + kLength));
    if (type >= kNoString || length > limits.characters || units.size() > limits.characters - length)
        return no_v8_object();
    const bool is_one_byte = (type & kOneByte) != 0;
    const auto form = static_cast<uint16_t>(type & kForm);
    if (form == kPlain) return append_characters(string + kContents, length, is_one_byte, units);
    if (form == kExternal && (type & kUncached) == 0) {
        WH_TRY(const auto characters, word(string + kSecond));
        return append_characters(characters, length, is_one_byte, units);
    }
    WH_TRY(const auto first, word(string + kContents));
    if (form == kThin) return append(first, further, units);
    WH_TRY(const auto second, word(string + kSecond));
    if (form == kJoined) {
        WH_TRY_VOID(append(first, further, units));
        return append(second, further, units);
    }
    if (form != kSlice || !is_v8_number(second)) return no_v8_object();
    std::vector<uint16_t> parent;
    WH_TRY_VOID(append(first, {kMaxArray, further.depth, further.parts}, parent));
    const auto offset = static_cast<uint32_t>(v8_number(second));
    if (offset > parent.size() || length > parent.size() - offset) return no_v8_object();
    units.insert(units.end(), parent.begin() + offset, parent.begin() + offset + length);
    return {};
}

Result<std::vector<uint8_t>> V8Heap::byte_array(uint64_t pointer) const {
    WH_TRY(const auto array, object(pointer));
    WH_TRY(const auto type, this->type(array));
    if (type != layout_.types.bytes && (type != layout_.types.trusted_bytes || type == 0)) return no_v8_object();
    WH_TRY(const auto length, word(array + 8));
    if (!is_v8_number(length) || length >> 32 > kMaxArray) return no_v8_object();
    return bytes(array + 16, length >> 32);
}

}  // namespace whoholds
