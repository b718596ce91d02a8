// A heap of V8 in a buffer, for tests of its readers: objects as V8 11.3 has them. Addresses are those of a process.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/v8/v8_heap.h"

namespace whoholds {

class FakeV8Heap {
public:
    static constexpr uint64_t kBase = 0x2000'0000;
    static constexpr uint32_t kTid = 77;

    FakeV8Heap() : layout_(*v8_layout(11, 3)), bytes_(1 << 20) {
        uint16_t number = 160;
        for (uint16_t* type : {&layout_.types.function, &layout_.types.shared, &layout_.types.scope,
                               &layout_.types.script, &layout_.types.bytecodes, &layout_.types.code,
                               &layout_.types.bytes, &layout_.types.interpreter_data, &layout_.types.uncompiled})
            *type = number++;
        layout_.uncompiled_start = 16;
    }

    [[nodiscard]] const V8Layout& layout() const { return layout_; }
    [[nodiscard]] V8Heap heap() {
        return V8Heap(
            [this](uint64_t address, std::span<uint8_t> buffer) -> Result<void> {
                if (address < kBase || address - kBase > bytes_.size() ||
                    buffer.size() > bytes_.size() - (address - kBase))
                    return Error{ErrorCode::kSystem, "not mapped"};
                std::memcpy(buffer.data(), bytes_.data() + (address - kBase), buffer.size());
                return {};
            },
            layout_);
    }

    template <class T>
    void put(uint64_t address, T value) {
        std::memcpy(bytes_.data() + (address - kBase), &value, sizeof value);
    }
    void put_bytes(uint64_t address, std::span<const uint8_t> bytes) {
        std::memcpy(bytes_.data() + (address - kBase), bytes.data(), bytes.size());
    }
    static uint64_t number(int32_t value) { return uint64_t{static_cast<uint32_t>(value)} << 32; }
    static uint64_t pointer(uint64_t object) { return object | 1; }

    uint64_t make(uint16_t type, size_t size) {
        const uint64_t map = take(32);
        put<uint16_t>(map + kV8MapType, type);
        const uint64_t object = take(size);
        put(object, pointer(map));
        return object;
    }
    uint64_t make_text(std::string_view text) {
        constexpr uint16_t kOneByte = 0x28;
        const uint64_t string = make(kOneByte, 16 + text.size());
        put(string + 12, static_cast<uint32_t>(text.size()));
        put_bytes(string + 16, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
        return string;
    }
    uint64_t make_joined(uint64_t first, uint64_t second, uint32_t length) {
        constexpr uint16_t kJoined = 0x29;
        const uint64_t string = make(kJoined, 32);
        put(string + 12, length);
        put(string + 16, pointer(first));
        put(string + 24, pointer(second));
        return string;
    }
    uint64_t make_bytes(std::span<const uint8_t> bytes) {
        const uint64_t array = make(layout_.types.bytes, 16 + bytes.size());
        put(array + 8, number(static_cast<int32_t>(bytes.size())));
        put_bytes(array + 16, bytes);
        return array;
    }
    uint64_t make_script(int32_t id, uint64_t source, std::string_view name) {
        const uint64_t script = make(layout_.types.script, 128);
        put(script + 8, pointer(source));
        put(script + 16, pointer(make_text(name)));
        put(script + 24, number(0));
        put(script + 64, number(id));
        return script;
    }
    uint64_t make_bytecodes(std::span<const uint8_t> bytecodes, std::span<const uint8_t> positions) {
        const uint64_t array = make(layout_.types.bytecodes, 64 + bytecodes.size());
        put(array + 8, number(static_cast<int32_t>(bytecodes.size())));
        put(array + 32, pointer(make_bytes(positions)));
        put_bytes(array + layout_.bytecode_data, bytecodes);
        return array;
    }
    uint64_t make_shared(uint64_t script, int32_t literal, uint64_t data, std::string_view name) {
        const uint64_t shared = make(layout_.types.shared, 64);
        put(shared + 8, pointer(data));
        put(shared + 16, pointer(make_text(name)));
        put(shared + 32, pointer(script));
        put(shared + 52, literal);
        return shared;
    }
    uint64_t make_code(uint8_t kind, uint64_t data, uint64_t positions, uint64_t start, uint32_t size) {
        const uint64_t code = make(layout_.types.code, 64);
        put(code + 16, pointer(data));
        put(code + 24, pointer(positions));
        put(code + 40, start);
        put(code + 48, uint32_t{kind});
        put(code + 56, size);
        return code;
    }
    uint64_t take(size_t size) {
        const uint64_t address = kBase + used_;
        used_ += (size + 15) / 8 * 8;
        return address;
    }

private:
    V8Layout layout_;
    std::vector<uint8_t> bytes_;
    size_t used_ = 64;
};

}  // namespace whoholds
