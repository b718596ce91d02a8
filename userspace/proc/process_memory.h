// Reads bytes of another process (process_vm_readv, else /proc/PID/mem). Never writes, never stops it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "proc/process.h"

namespace whoholds {

class ProcessMemory {
public:
    static Result<ProcessMemory> open(const ProcRoot& root, pid_t pid);
    // Reads exactly size bytes at address, or an error. At most 64 MiB a call.
    Result<std::vector<uint8_t>> read(uint64_t address, size_t size) const;

private:
    pid_t pid_ = 0;
    UniqueFd mem_fd_;
};

}  // namespace whoholds
