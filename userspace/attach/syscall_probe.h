// Where the probe of one system call sits, and what can be said of bytes that may be a system call. Used by the scan for
// system-call instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "attach/function_code.h"
#include "attach/module_planner.h"

namespace whoholds {

struct SyscallProbe {
    uint64_t address = 0;
    bool emulated = false;
    std::string instruction;
    std::string why;
    std::string refusal;  // "" or why there is no place
};

// index: of a `syscall` instruction of the function.
SyscallProbe place_syscall_probe(const FunctionCode& function, size_t index);

// What the bytes 0f 05 are in code whose functions are not known, as far as it can be told. Nothing of it is a proof.
enum class Surroundings : uint8_t {
    kNoCode,          // no sensible code around them: a constant
    kOtherCall,       // a system call that has nothing to do with descriptors
    kDescriptorCall,  // one that makes or ends descriptors
    kAnyCall,         // one whose number comes from elsewhere
};
Surroundings look_around(const ModuleCode& code, uint64_t hit);

}  // namespace whoholds
