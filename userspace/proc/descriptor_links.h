// What /proc says of single descriptors: fd/N points at a path, "pipe:[inode]", "socket:[inode]", "anon_inode:[eventfd]", …;
// fdinfo/N of an io_uring lists the files that it holds without descriptors.
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

// Files registered with an io_uring (direct descriptors), which are in no table of the process. kUnsupported if the kernel does not say.
Result<uint64_t> count_ring_files(const ProcRoot& root, pid_t pid, uint32_t descriptor);

}  // namespace whoholds
