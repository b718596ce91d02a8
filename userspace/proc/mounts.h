// /proc/PID/mountinfo: where which part of which file system is mounted. Used inside of proc/ (cgroup and container).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

struct Mount {
    std::string root;         // the folder of the file system that is mounted, "/" for all of it
    std::string mount_point;  // as the process sees it
    std::string type;
};

// Lines that make no sense are left out.
std::vector<Mount> parse_mounts(std::string_view text);
// None if the file cannot be read.
std::vector<Mount> read_mounts(const std::string& path);

}  // namespace whoholds
