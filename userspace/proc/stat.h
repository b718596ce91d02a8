// /proc/PID/stat and /proc/PID/task/TID/stat: one line whose second field, the name, may hold anything, ") R 1 (" too.
// Used inside of proc/ only. Invariant: the name ends at the last ')' of the line, whatever it contains.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

struct ProcessStat {
    std::string command;
    char state = '?';
    uint32_t flags = 0;        // PF_*
    uint64_t start_ticks = 0;  // clock ticks after boot
};

Result<ProcessStat> parse_stat(std::string_view text);
Result<ProcessStat> read_stat(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
