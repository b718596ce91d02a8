// Which functions of the user's or of the runtime name a variable, for programs whose symbol table was stripped: what the variable is
// called is not known then, but who works with it. Used where a report names the variable that holds objects.
// Invariant: only functions with an instruction that has just this address count; what is reached by an index or from another
// variable's start has none. Their code is decoded once, up to a limit; beyond it nothing is said.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/go/go_process.h"

namespace whoholds {

// Of the main package or of the main module, as far as the build information names one. name: of a function.
bool is_go_users(const GoProcess& process, std::string_view name);

class GoVariableUsers {
public:
    // address: of the file. "main.keep and main.drop", "main.keep, main.drop and 3 more"; "" when it is not known.
    std::string of(const GoProcess& process, uint64_t address);
    // Functions of the runtime use it.
    bool is_of_runtime(const GoProcess& process, uint64_t address);

private:
    void decode(const GoProcess& process);

    bool is_decoded_ = false;
    std::vector<uint64_t> of_runtime_;                  // addresses; sorted
    std::vector<std::pair<uint64_t, uint32_t>> users_;  // address, number of the function; sorted, each once
};

}  // namespace whoholds
