// Whose code a frame of a Node program is. Told by the name of its script.
#pragma once

#include <string>
#include <string_view>

#include "symbolize/script_origin.h"

namespace whoholds {

// file: as V8 has it, a path or "node:net"; "": made at run time.
ScriptOrigin node_origin_of_file(std::string_view file);

// "express", "@grpc/grpc-js", "node:net"; "" for all other files.
std::string node_package_of(std::string_view file);

}  // namespace whoholds
