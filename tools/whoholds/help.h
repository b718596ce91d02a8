// The text of --help: what CLI11 knows of the options, and around it how the command is used, examples and exit codes.
// Used by options.cpp alone.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace whoholds {

std::string help_of(const CLI::App& app);

}  // namespace whoholds
