// Whom the kernel ends when memory runs out. Used by the session: in a pod our memory counts to the same limit as the program's.
#pragma once

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

// From now on this process, and what it forks, goes before all others that share its limits. Nothing of it reaches other processes.
Result<void> go_first_when_memory_runs_out(const ProcRoot& root);

}  // namespace whoholds
