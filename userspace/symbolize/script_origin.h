// Whose code a frame of a program in Python or JavaScript is: the user's, a library's, or the language's own. Used for the headline of stacks and
// for what a report folds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace whoholds {

enum class ScriptOrigin : uint8_t {
    kNone,  // of another language
    kUser,
    kGenerated,    // made at run time: "<string>", eval
    kLibrary,      // installed: site-packages, dist-packages, node_modules
    kStandard,     // of Python itself, of Node itself
    kInterpreter,  // native code of the interpreter, of V8 and Node
};

// What a reader knows the code by: "requests", "json", "express", "node:net", "the interpreter". file: as for the origin of the language.
std::string script_package_of(ScriptOrigin origin, std::string_view file);

}  // namespace whoholds
