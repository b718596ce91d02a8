#include "runtime/v8/position_table.h"

#include <algorithm>

namespace whoholds {
namespace {

constexpr size_t kMaxEntries = 1 << 20;

// Seven bits a byte, the lowest first; the eighth says that more follow.
class Numbers {
public:
    explicit Numbers(std::span<const uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }

    std::optional<uint64_t> plain() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
            const uint8_t byte = bytes_[at_++];
            value |= uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) == 0) return value;
        }
        return std::nullopt;
    }
    // The sign in the lowest bit.
    std::optional<int64_t> with_sign() {
        const auto value = plain();
        if (!value) return std::nullopt;
        return static_cast<int64_t>((*value >> 1) ^ (0 - (*value & 1)));
    }

private:
    std::span<const uint8_t> bytes_;
    size_t at_ = 0;
};

// Of the bytecode that stands there, with its prefix; 0: there is none.
size_t bytecode_size(std::span<const uint8_t> bytecodes, size_t at, std::span<const uint8_t> sizes) {
    constexpr uint8_t kPrefixes = 4;  // Wide, ExtraWide, and the same with a breakpoint
    const size_t count = sizes.size() / 3;
    size_t row = 0;
    size_t prefix = 0;
    if (bytecodes[at] < kPrefixes) {
        row = bytecodes[at] % 2 == 0 ? 1 : 2;
        prefix = 1;
        if (++at >= bytecodes.size()) return 0;
    }
    if (bytecodes[at] >= count) return 0;
    return prefix + sizes[row * count + bytecodes[at]];
}

}  // namespace

std::optional<V8Position> v8_position(uint64_t number) {
    const auto script = static_cast<uint32_t>(number >> 1 & ((1U << 30) - 1));
    if ((number & 1) != 0 || script == 0) return std::nullopt;  // of another file, or not known
    return V8Position{.script = script - 1, .inlined_at = static_cast<int>(number >> 31 & 0xffff) - 1};
}

std::optional<std::vector<V8Position>> v8_positions(std::span<const uint8_t> table) {
    std::vector<V8Position> positions;
    Numbers numbers(table);
    int64_t code = -1;
    uint64_t position = 0;
    while (!numbers.at_end()) {
        const auto code_step = numbers.with_sign();
        const auto step = numbers.with_sign();
        if (!code_step || !step || positions.size() >= kMaxEntries) return std::nullopt;
        const int64_t ahead =
            *code_step >= 0 ? *code_step : -(*code_step + 1);  // negative: an expression, no statement
        if (ahead > INT32_MAX || code + ahead > INT32_MAX) return std::nullopt;
        code += ahead;
        position += static_cast<uint64_t>(*step);
        // What is not known is kept, so that nothing is taken for what stands before it.
        V8Position entry = v8_position(position).value_or(V8Position{.script = UINT32_MAX});
        entry.code = static_cast<int32_t>(code);
        positions.push_back(entry);
    }
    return positions;
}

std::optional<V8Position> v8_position_at(std::span<const V8Position> positions, int64_t code) {
    const auto behind =
        std::ranges::upper_bound(positions, code, {}, [](const V8Position& one) { return int64_t{one.code}; });
    if (behind == positions.begin() || std::prev(behind)->script == UINT32_MAX) return std::nullopt;
    return *std::prev(behind);
}

std::optional<std::vector<V8Compiled>> v8_compiled(std::span<const uint8_t> table, std::span<const uint8_t> bytecodes,
                                                   std::span<const uint8_t> sizes) {
    std::vector<V8Compiled> compiled;
    Numbers numbers(table);
    auto code = numbers.plain();  // the function's beginning
    if (!code || *code > UINT32_MAX) return std::nullopt;
    uint64_t end = *code;
    size_t at = 0;
    while (at < bytecodes.size()) {
        const size_t size = bytecode_size(bytecodes, at, sizes);
        code = numbers.plain();
        if (size == 0 || !code || *code > UINT32_MAX) return std::nullopt;
        end += *code;
        if (end > UINT32_MAX) return std::nullopt;
        compiled.push_back({static_cast<uint32_t>(end), static_cast<uint32_t>(at)});
        at += size;
    }
    if (at != bytecodes.size() || !numbers.at_end()) return std::nullopt;
    return compiled;
}

std::optional<uint32_t> v8_bytecode_of(std::span<const V8Compiled> compiled, uint64_t return_offset) {
    const auto found = std::ranges::lower_bound(compiled, return_offset, {},
                                                [](const V8Compiled& one) { return uint64_t{one.code_end}; });
    if (found == compiled.end()) return std::nullopt;
    return found->bytecode;
}

}  // namespace whoholds
