// Whether the offsets of a version's layout hold in a process: known relations between fields are tried on what is there.
// Used by GoProcess when it opens one.
#pragma once

#include "base/result.h"

namespace whoholds {

class GoProcess;

// kUnsupported with a sentence: the runtime is built differently; do not read it.
Result<void> check_go_layout(const GoProcess& process);

}  // namespace whoholds
