// Where to put an entry probe (trap T41). x86 kernels emulate a probed push, nop, jmp, jcc or call; every other instruction is
// single-stepped out of line, ten times dearer.
#pragma once

#include <cstdint>
#include <span>

#include "attach/attach_plan.h"

namespace whoholds {

struct PlacementRequest {
    std::span<const uint8_t> code;  // from the function's entry, as much of the function as is known
    uint64_t address = 0;           // virtual address of the entry
    unsigned argument_mask = 0;  // bit n: register n of rdi, rsi, rdx, rcx, r8, r9 is read by the probe (call_shape.h)
    bool has_return_probe = false;  // then the stack pointer must be that of the entry
};

// At most so many bytes after the entry. Most functions branch or push within 21; the longest way worth going is that of
// jemalloc 5.3's free, whose first branch stands 48 bytes in.
constexpr uint64_t kMaxProbeDelta = 56;

// Never fails: the entry itself is always possible.
Placement choose_placement(const PlacementRequest& request);

// Whether the code contains a direct call or jump to target (mov and the like in between do not matter).
bool reaches_directly(std::span<const uint8_t> code, uint64_t address, uint64_t target);

// If the code is a PLT stub (jmp *slot(%rip)): the virtual address of the slot that holds the destination, else 0.
uint64_t plt_slot(std::span<const uint8_t> code, uint64_t address);

// If the function is only a jump to another one (a thunk): the virtual address it jumps to, else 0.
uint64_t thunk_target(std::span<const uint8_t> code, uint64_t address);

}  // namespace whoholds
