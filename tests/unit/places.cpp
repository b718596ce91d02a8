#include "unit/places.h"

namespace whoholds {

std::string targets_dir() { return WH_TARGETS_DIR; }
std::string test_source_dir() { return WH_TEST_SOURCE_DIR; }

}  // namespace whoholds
