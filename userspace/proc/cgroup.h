// The control groups of a process and the memory limit that they set. Used inside of proc/ only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proc/process.h"

namespace whoholds {

// One line of /proc/PID/cgroup. The path is relative to the cgroup namespace of the reader: "/../x" lies outside of it.
struct CgroupMembership {
    bool unified = false;     // version 2
    std::string controllers;  // "cpu,cpuacct", "name=systemd"; "" when unified
    std::string path;
};

std::vector<CgroupMembership> parse_cgroups(std::string_view text);
// None if the file cannot be read.
std::vector<CgroupMembership> read_cgroups(const ProcRoot& root, pid_t pid);

struct MemoryLimit {
    uint64_t bytes = 0;
    std::string source;  // name of the file
};

// The tightest limit of the process's memory cgroup and all of its parents that can be seen from here. nullopt if
// there is none, or none that can be seen.
std::optional<MemoryLimit> read_memory_limit(const ProcRoot& root, pid_t pid);

// The text of a file of one cgroup ("pids.max"); nullopt if it has none.
using CgroupFile = std::function<std::optional<std::string>(std::string_view file)>;

// Calls visit for the process's cgroup of a controller ("memory") and for each of its parents that can be seen from here, innermost
// first.
void for_each_cgroup(const ProcRoot& root, pid_t pid, std::string_view controller,
                     const std::function<void(const CgroupFile& file)>& visit);

}  // namespace whoholds
