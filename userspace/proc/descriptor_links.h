// What /proc/PID/fd/N points at: a path, "pipe:[inode]", "socket:[inode]", "anon_inode:[eventfd]", …
// Used by the report, for the descriptors that it shows. The text is the target's choice: untrusted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

// As the kernel shows it, " (deleted)" and all. NotFound if the descriptor or the process is gone.
Result<std::string> read_descriptor_link(const ProcRoot& root, pid_t pid, uint32_t descriptor);

}  // namespace whoholds
