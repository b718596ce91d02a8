// `whoholds top`: a session that is looked at on the whole screen. Used by main.
#pragma once

#include "whoholds/options.h"

namespace whoholds {

// Returns the exit code.
int run_top(const Options& options);

}  // namespace whoholds
