// Which system call a `syscall` instruction makes: what rax holds there, followed backwards through the function on all ways
// that lead to it; for a call of libc's function syscall() what its first argument is. Used by the scan for system-call instructions.
// Ways that begin at a computed jump or at a landing pad are not known; a compiler gives the number on the straight way to the
// instruction, behind where such a way comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attach/function_code.h"

namespace whoholds {

enum class NumberOrigin : uint8_t {
    kConstant,  // the same on all ways
    kSeveral,   // a constant on every way, not the same
    kLoaded,    // out of a data structure: glibc's and musl's setuid has every thread make the call that stands there
    kAny,       // what the function was called with, or what is not understood
};

struct SyscallNumber {
    NumberOrigin origin = NumberOrigin::kAny;
    std::vector<uint32_t> values;  // sorted, without repetition
    std::vector<size_t> ways;      // the instructions between the constants and the system call, itself included
};

// index: of a `syscall` instruction of the function.
SyscallNumber trace_number(const FunctionCode& function, size_t index);

// Likewise what a register (of 64 bits) holds before an instruction.
SyscallNumber trace_register(const FunctionCode& function, size_t index, ZydisRegister reg);

// The same on a straight piece of code, whose last instruction is the `syscall`.
SyscallNumber trace_number(std::span<const Decoded> straight);

}  // namespace whoholds
