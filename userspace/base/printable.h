// Names from outside (comm, paths, symbols, environment) made safe to show: the result is valid UTF-8 without
// control characters, so that a hostile name can neither drive the terminal nor break a line or a JSON string.
// Used by everything that prints. Show the result, never look anything up by it.
#pragma once

#include <string>
#include <string_view>

namespace whoholds {

// '?' for each control character (C0, DEL, C1), each character that reorders or breaks text (bidirectional
// overrides, line and paragraph separators), and each byte that is not valid UTF-8.
std::string printable(std::string_view text);

}  // namespace whoholds
