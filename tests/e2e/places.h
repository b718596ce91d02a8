// Where tests find the program and the puppets. The paths stand in one source file alone, so that a compiler cache has the
// others whatever folder they are built in.
#pragma once

#include <string>

namespace whoholds::e2e {

std::string whoholds_path();
std::string targets_dir();

}  // namespace whoholds::e2e
