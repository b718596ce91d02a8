#include "e2e/places.h"

namespace whoholds::e2e {

std::string whoholds_path() { return WH_WHOHOLDS; }
std::string targets_dir() { return WH_TARGETS_DIR; }

}  // namespace whoholds::e2e
