// What a real consumer of our files says to them. Used by tests of formats.
#pragma once

#include <string>

namespace whoholds {

// By the shell: standard output and standard error; "ended with N" behind it unless it ended well.
std::string output_of(const std::string& command);

}  // namespace whoholds
