// The other side of our HTTP, by plain sockets: what is said and read is up to the test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace whoholds {

UniqueFd connect_to(uint16_t port);
void say(const UniqueFd& connection, std::string_view text);
std::string all_of(const UniqueFd& connection);  // until the other side closes
std::string ask(uint16_t port, std::string_view request);

}  // namespace whoholds
