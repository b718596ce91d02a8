// Checks one program until enough of its events were compared. Used by check_stacks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "stacks/comparison.h"
#include "stacks/programs.h"

namespace whoholds::stacks {

struct ProgramReport {
    Tally tally;
    uint64_t lost = 0;  // not compared: there was no room for them
    size_t unique_stacks = 0;
    double seconds = 0;
    uint32_t verified_instructions = 0;
    std::vector<std::string> examples;
    std::vector<std::string> notes;
};

struct CheckLimits {
    uint64_t events = 0;
    double seconds = 0;
    uint32_t ring_bytes = 0;
    size_t examples = 0;
};

// Starts the program, again if it ends too early, and ends it.
Result<ProgramReport> check_program(const Program& program, const CheckLimits& limits);
// A process that runs already, and is left alone.
Result<ProgramReport> check_process(pid_t pid, const CheckLimits& limits);

}  // namespace whoholds::stacks
