// What the kernel says of a program's first thread while it sleeps. Used by the census of V8's heaps, which copies what it can while the
// program does nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "proc/process.h"

namespace whoholds {

// Where the stack of the thread ends: what lies below is left of calls that have returned. 0: the thread runs, or it is not known.
uint64_t end_of_sleepers_stack(const ProcRoot& root, pid_t pid);

// How long and how often the thread was on a processor, if it sleeps now, else "". Equal at two times: it did nothing in between.
std::string sleep_mark(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
