// gzip in memory. The same input gives the same output: no time stamp, no name. Used by formats that are compressed files.
#pragma once

#include <string>
#include <string_view>

namespace whoholds {

std::string gzip(std::string_view data);

}  // namespace whoholds
