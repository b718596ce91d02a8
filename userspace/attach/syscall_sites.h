// The system-call instructions of a module that make or end descriptors, and where a probe right behind each can sit: there
// the arguments are still in their registers and rax is the result. Used by the planner only.
// In libc's function syscall() the number is whatever it is called with: where a module calls it with a constant number whose
// result alone says what there is to know, the probe sits behind that call, where only the result is left.
// Invariant: a probe address is the start of an instruction (a breakpoint inside of one would kill the target), proved by
// decoding the function around it from end to end; and the only way to it leads through the system call, whose number is
// the same on all ways.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attach/module_planner.h"
#include "runtime/native/system_calls.h"

namespace whoholds {

struct SyscallSite {
    uint64_t address = 0;        // of the `syscall` instruction, or of the call of libc's function syscall()
    uint64_t probe_address = 0;  // of the instruction behind it that is probed
    const SystemCall* call = nullptr;
    uint64_t shape = 0;       // that of the system call, or what of it can be told behind a call of syscall()
    std::string function;     // "" when no symbol covers it
    bool emulated = false;    // the kernel emulates the probed instruction; else it is single-stepped
    std::string instruction;  // disassembly of the probed instruction
    std::string why;          // "moved past cmp to ja", "no emulated instruction follows: stepped"
};

struct UnusableSite {
    uint64_t address = 0;
    std::string function;
    std::string why;
};

struct SyscallSites {
    std::vector<SyscallSite> sites;  // sorted by address
    std::vector<UnusableSite>
        unprovable;  // makes or may make such a call, but a probe behind it would not be safe or not be right
    std::vector<UnusableSite> any_number;      // whoever calls the function chooses the number
    std::vector<UnusableSite> in_wrapper;      // the same, in libc's function syscall()
    std::vector<SyscallSite> through_wrapper;  // calls of that function, sorted by address; those of no use are nowhere
    bool complete = true;                      // false: too much code to look at, as only made-up files have
};

SyscallSites find_syscall_sites(const ModuleCode& code);

}  // namespace whoholds
