// What bounds a process and how near it is: descriptors, processes of its control group, the group's memory and what that is
// made of, the machine's memory. Read from /proc and the cgroup file systems, versions 1 and 2. Used by the session, for forecasts.
// What cannot be read, or has no limit, is nullopt.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "proc/process.h"

namespace whoholds {

struct Limits {
    std::optional<uint64_t> open_files;        // RLIMIT_NOFILE, the soft limit
    std::optional<uint64_t> pids_max;          // the tightest of its cgroup and that cgroup's parents
    std::optional<uint64_t> pids_now;          // threads in the cgroup that has this limit
    std::optional<uint64_t> memory_now_bytes;  // charged to the cgroup whose memory limit is the tightest
    // What of it is what, in its own cgroup: page cache, tmpfs and shared memory, anonymous memory.
    std::optional<uint64_t> group_file_bytes;
    std::optional<uint64_t> group_shmem_bytes;
    std::optional<uint64_t> group_anon_bytes;
    std::optional<uint64_t> machine_total_bytes;
    std::optional<uint64_t> machine_available_bytes;
};

Limits read_limits(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
