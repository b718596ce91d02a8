// What a CFI program has said so far of the registers that an unwinder needs: the CFA, rbp, rsp and the return address.
#pragma once

#include <cstdint>
#include <span>

namespace whoholds {

// DWARF's numbers of x86-64 registers.
inline constexpr uint64_t kFramePointerRegister = 6;
inline constexpr uint64_t kStackPointerRegister = 7;
inline constexpr uint64_t kReturnAddressRegister = 16;

// Where the caller's value of a register is.
struct CfiRegister {
    enum class Kind : uint8_t {
        kUnspecified,  // by the ABI: rbp is unchanged, rsp is the CFA
        kSame,
        kUndefined,
        kAtCfa,         // in memory at CFA + offset
        kCfaPlus,       // it is CFA + offset
        kAtExpression,  // in memory where the expression says
        kOther,         // in another register, or the value of an expression
    };
    Kind kind = Kind::kUnspecified;
    int64_t offset = 0;
    std::span<const uint8_t> expression;
};

struct CfiCfa {
    enum class Kind : uint8_t { kUnspecified, kRegister, kExpression };
    Kind kind = Kind::kUnspecified;
    uint64_t base = 0;  // register
    int64_t offset = 0;
    std::span<const uint8_t> expression;
};

struct CfiState {
    CfiCfa cfa;
    CfiRegister frame_pointer;
    CfiRegister stack_pointer;
    CfiRegister return_address;
};

}  // namespace whoholds
