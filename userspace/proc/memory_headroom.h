// How near a process is to being killed for want of memory: the room that is left below the memory limits of its control groups, and
// on the machine. Read at some Hz by the session, for --on-oom-near, and before much memory is taken on its behalf.
//
// What the kernel can give back by itself (page cache on the lists of files) counts as room: a group that reads files is always
// near its limit, and is not killed for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "proc/process.h"

namespace whoholds {

struct MemoryHeadroom {
    uint64_t limit_bytes = 0;
    uint64_t left_bytes = 0;
    std::string source;  // "memory.max", "memory.limit_in_bytes", "physical memory"
};

// Where the least part of the limit is left. nullopt if nothing can be read.
std::optional<MemoryHeadroom> read_memory_headroom(const ProcRoot& root, pid_t pid);

// What may be taken by us without bringing the process near its limits: it may share a group with us, a pod.
struct SpareMemory {
    uint64_t bytes = 0;            // left where least is left: on the machine, in our groups, in the process's
    bool sees_all_limits = false;  // else there are groups around them that cannot be seen from here
    // Of one thing that we read.
    [[nodiscard]] uint64_t may_be_taken() const { return bytes / 4; }
};
SpareMemory read_spare_memory(const ProcRoot& root, pid_t pid);

// Resident, from statm: as exact as VmRSS, and cheaper. nullopt if it cannot be read, or nothing is mapped.
std::optional<uint64_t> read_rss_bytes(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
