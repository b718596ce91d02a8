// What the checked interpreters and compilers are given to do. Used by programs.cpp.
#pragma once

namespace whoholds::stacks {

extern const char* const kPythonSource;
extern const char* const kNodeSource;
extern const char* const kSqlSource;
extern const char* const kTemplatesSource;  // C++17
extern const char* const kRustSource;
extern const char* const kLuaSource;

}  // namespace whoholds::stacks
