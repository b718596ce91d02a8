// The x86-64 system calls that make or end descriptors: one table, one row a system call. Used by the scan for system-call
// instructions (attach/syscall_sites.h), by the plan, and at the edge where system calls are told by their number.
// Invariant: numbers and names are unique, numbers are below kSystemCallLimit, and every shape is a valid one of a system
// call (call_shape.h), with arguments numbered as the kernel takes them: rdi, rsi, rdx, r10, r8, r9.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace whoholds {

constexpr uint32_t kSystemCallLimit = 512;

struct SystemCall {
    std::string_view name;
    uint32_t number = 0;
    uint64_t shape = 0;  // packed, see attach/call_shape.h; the kind is WH_KIND_FD: what it is shows later
};

std::span<const SystemCall> system_calls();

// The row of this number, or null. Only the number as the kernel reads it: all bits of eax.
const SystemCall* find_system_call(uint32_t number);

}  // namespace whoholds
