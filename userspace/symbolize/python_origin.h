// Whose code a frame of a Python program is. Told by where its file lies.
#pragma once

#include <string_view>

#include "symbolize/script_origin.h"

namespace whoholds {

// file: as the code object has it.
ScriptOrigin python_origin_of_file(std::string_view file);

// Of native code: what is installed beside Python code, or of Python itself; kNone for all other.
ScriptOrigin python_origin_of_module(std::string_view path);

}  // namespace whoholds
