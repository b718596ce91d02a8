// The threads of a process, as /proc/PID/task lists them. Used by the thread snapshot and the planner.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

// Thread ids in rising order, in the PID namespace of root; the main thread's is pid. Threads come and go while the
// folder is read: one that started meanwhile may be missing. NotFound if there is no such process.
Result<std::vector<pid_t>> read_threads(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
