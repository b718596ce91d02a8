// The programs whose stacks check_stacks checks: each brings what it needs to run and to keep allocating. Used by check_stacks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "e2e/process.h"

namespace whoholds::stacks {

// A program at work, with the processes that keep it busy.
struct Running {
    std::unique_ptr<e2e::Process> target;
    std::vector<std::unique_ptr<e2e::Process>> others;  // gone before the target
    // Commands for the target; without any it works by itself until it ends or is ended.
    std::vector<std::string> commands;

    ~Running() { others.clear(); }
    Running() = default;
    Running(Running&&) = default;
    Running& operator=(Running&&) = default;
};

struct Program {
    const char* name;
    const char* what;                      // it does
    std::vector<const char*> executables;  // it needs these in PATH
    // Makes its files in the folder and starts it there; nullopt: it could not be made.
    std::optional<Running> (*start)(const std::string& folder, bool is_first);
    double share;  // of the wanted number of events, of which the list's sum is 1
};

const std::vector<Program>& programs();

}  // namespace whoholds::stacks
