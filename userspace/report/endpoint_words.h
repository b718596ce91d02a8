// How a group of sockets is called in text: "TCP to 10.0.0.5:443", "TCP from 10.1.2.3", "unix stream listening on /run/x".
// Used by the text report and by the digests of stacks (analyze/item_groups.h), so that both say the same.
#pragma once

#include <string>
#include <string_view>

namespace whoholds {

// Words as in ConnectionGroup; remote may be "".
std::string endpoint_words(std::string_view protocol, std::string_view direction, std::string_view remote);

}  // namespace whoholds
