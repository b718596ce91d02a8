// Evaluates the DWARF expressions that unwind information consists of, as libdw hands them out. Used by LibdwUnwinder only.
// Invariant: expressions are untrusted: the stack of values and the number of steps are bounded, and a register that is not
// known is never used.
#pragma once

#include <elfutils/libdw.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace whoholds {

// The registers of one frame by their DWARF numbers; the caller's of a frame in the middle are known only in part.
class FrameRegisters {
public:
    static constexpr unsigned kCount = 17;
    static constexpr unsigned kFramePointer = 6;
    static constexpr unsigned kStackPointer = 7;
    static constexpr unsigned kReturnAddress = 16;

    void set(unsigned number, uint64_t value) {
        if (number >= kCount) return;
        values_[number] = value;
        known_ |= 1u << number;
    }
    [[nodiscard]] std::optional<uint64_t> get(uint64_t number) const {
        if (number >= kCount || !(known_ >> number & 1)) return std::nullopt;
        return values_[number];
    }

private:
    std::array<uint64_t, kCount> values_{};
    uint32_t known_ = 0;
};

enum class Evaluation : uint8_t { kValue, kReadFailed, kUnsupported };

struct ExpressionInput {
    const FrameRegisters& registers;
    // size bytes, at most 8, as a number; nullopt if that memory is not at hand.
    const std::function<std::optional<uint64_t>(uint64_t address, unsigned size)>& read;
    std::optional<uint64_t> cfa;  // none while the CFA itself is evaluated
};

// The CFA: the value that the expression leaves.
Evaluation evaluate_value(std::span<const Dwarf_Op> expression, const ExpressionInput& input, uint64_t& value);

// A register of the caller: what lies at the place that the location description names, or the value that it gives.
Evaluation evaluate_location(std::span<const Dwarf_Op> description, const ExpressionInput& input, uint64_t& value);

}  // namespace whoholds
