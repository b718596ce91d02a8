// Golden files: our own normalised output, kept in tests/golden. Run the tests with WH_UPDATE_GOLDEN=1 to rewrite them,
// then read the difference.
#pragma once

#include <string>

namespace whoholds {

// Fails the running test if tests/golden/<name> is missing or differs.
void expect_golden(const std::string& name, const std::string& actual);

}  // namespace whoholds
