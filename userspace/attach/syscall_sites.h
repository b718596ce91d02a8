// The system-call instructions of a module that make or end descriptors, and where a probe right behind each can sit: there
// the arguments are still in their registers and rax is the result. Used by the planner only.
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
    uint64_t address = 0;        // of the `syscall` instruction
    uint64_t probe_address = 0;  // of the instruction behind it that is probed
    const SystemCall* call = nullptr;
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
    std::vector<UnusableSite> any_number;  // whoever calls the function chooses the number
    std::vector<UnusableSite> in_wrapper;  // the same, in libc's function syscall()
    bool complete = true;                  // false: too much code to look at, as only made-up files have
};

SyscallSites find_syscall_sites(const ModuleCode& code);

}  // namespace whoholds
