// Makes demangled names fit for a line of a report: what every reader skips is left out. Pure text, any input, linear
// in the nesting depth, never longer than the input. Used by demangle_short.
#pragma once

#include <string>
#include <string_view>

namespace whoholds {

// "std::vector<std::__cxx11::basic_string<char, …>, std::allocator<…> >" -> "std::vector<std::string>"; parameter lists
// in the middle of a name and of lambdas go, "(anonymous namespace)" and "operator()" stay.
std::string shorten_cpp_name(std::string_view name);

// "alloc::vec::Vec<u8, alloc::alloc::Global>" -> "alloc::vec::Vec<u8>"
std::string shorten_rust_name(std::string_view name);

// At most max_characters: template arguments become "…", the innermost first; then the front goes.
std::string elide_template_arguments(std::string_view name, size_t max_characters);

}  // namespace whoholds
