// Probes for which libbpf 1.1 (Debian 12) has no call: uprobe_multi links by bpf(2), and perf uprobes with programs of which it does
// not know. One uprobe_multi link carries any number of functions of one file; it attaches in milliseconds and detaches at once,
// where every perf uprobe costs 60 to 190 ms at the end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/unique_fd.h"

namespace whoholds {

struct UprobeMulti {
    std::string path;                   // of the ELF file, as this process can open it
    std::span<const uint64_t> offsets;  // file offsets
    std::span<const uint64_t> cookies;  // one for each offset
    pid_t pid = 0;                      // as seen in our PID namespace; 0: every process
    bool is_return = false;
};

// A link's file descriptor, or -1 and errno. Closing it removes the probes.
int create_uprobe_multi(int program_fd, const UprobeMulti& request);

// The same for one function, without a cookie.
UniqueFd create_perf_uprobe(int program_fd, const std::string& path, uint64_t offset, pid_t pid, bool is_return);

}  // namespace whoholds
