// Where probes may sit in a Go function. Never at its entry: the stack check there jumps back to it after a stack growth, and the
// probe would count twice. Never on its return: a return probe replaces the return address, which Go finds when it moves the
// stack, and ends the process (T1). What is left: its RET instructions, and the instruction behind the stack check.
// Used by what plans probes on the runtime and on the user's pairs. Pure: of the file, by its own addresses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"

namespace whoholds {

struct GoProbeSite {
    uint64_t address = 0;   // virtual, in the file
    uint64_t offset = 0;    // in the file
    bool emulated = false;  // by the kernel; else single-stepped, about ten times dearer
    std::string instruction;
};

struct GoFunctionSites {
    std::string name;
    uint64_t entry = 0;
    // All of them; the result is in the registers, rsp is at the return address, rbp the caller's. Empty: it does not return.
    std::vector<GoProbeSite> returns;
    std::vector<uint64_t> calls;  // the functions that it calls by their addresses, sorted
    // Behind the stack check, or the entry itself where there is none: reached once a call, registers as at the entry (rsp at
    // the return address, rbp the caller's, arguments in rax, rbx, rcx, rdi, rsi, r8, r9, r10, r11 from Go 1.17 on).
    GoProbeSite start;
};

// The sites of a function. An error says, as a sentence without a full stop, why it cannot be probed: it is not decoded from its
// first byte to its last, a jump leads out of it, the stack check is not as known.
Result<GoFunctionSites> go_function_sites(const ElfImage& image, const GoCode& code, const GoFunction& function);
// By the name in Go's table ("runtime.(*mheap).alloc"); kNotFound if no function has it: perhaps it exists inlined only.
Result<GoFunctionSites> go_function_sites(const ElfImage& image, const GoCode& code, std::string_view name);

}  // namespace whoholds
