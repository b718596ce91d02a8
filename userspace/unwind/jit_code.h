// Whether the code that a process made at run time keeps frame pointers, so that a walk through it is exact.
#pragma once

#include <sys/types.h>

#include <vector>

#include "proc/process.h"

namespace whoholds {

// Known of V8 (node, chromium, electron, deno) and of a JVM that was started with -XX:+PreserveFramePointer. Everything else may
// use rbp for what it likes.
bool jit_keeps_frame_pointers(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& maps);

}  // namespace whoholds
