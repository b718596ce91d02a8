// Whose code a Go function is: the user's, a library's, or Go's own. Used by the symboliser, for the headline of stacks.
#pragma once

#include <cstdint>
#include <string_view>

namespace whoholds {

enum class GoOrigin : uint8_t { kNotGo, kUser, kLibrary, kStandard };

// "net/http.(*Client).Do" -> "net/http"; "main.main.func1" -> "main".
std::string_view go_package_of(std::string_view function);

// main_module: path of the module that the program was built from, "" when not known.
GoOrigin go_origin_of(std::string_view function, std::string_view main_module);

}  // namespace whoholds
