// Where tests find the puppets and their own sources. The paths stand in one source file alone, so that a compiler cache has
// the others whatever folder they are built in.
#pragma once

#include <string>

namespace whoholds {

std::string targets_dir();
std::string test_source_dir();

}  // namespace whoholds
