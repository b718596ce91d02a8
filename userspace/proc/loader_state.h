// Where the dynamic linker of a process keeps what it is doing (r_debug.r_state of <link.h>): RT_CONSISTENT, RT_ADD, RT_DELETE.
// Used by the session, so that BPF programs know when libraries go.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "proc/process.h"

namespace whoholds {

// Address of the int in the process. nullopt: static, not started yet, or memory that makes no sense.
std::optional<uint64_t> loader_state_address(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
