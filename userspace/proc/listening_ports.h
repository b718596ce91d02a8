// The TCP ports that anybody listens on in a process's network namespace, from /proc/PID/net/tcp and tcp6. Used by the report: a
// connection that a process inherited, and whose listener another process has, came in all the same.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "proc/process.h"

namespace whoholds {

struct ListeningPorts {
    uint32_t net_inode = 0;  // of the namespace; 0: not known
    std::vector<uint16_t> tcp;
};

// The kernel lists what listens first, so only that much is read. Appends to ports.
void parse_listening_ports(std::string_view text, std::vector<uint16_t>& ports);
// What cannot be read is left empty.
ListeningPorts listening_ports(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
