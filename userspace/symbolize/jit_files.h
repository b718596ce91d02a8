// The files in which the JITs of one process tell what they made: /tmp/perf-PID.map and jitdump files. Found, opened
// safely, followed as they grow, in portions. Used by the symboliser.
// Invariant: a file that the process has, and no other: by its mapping (jitdump) or behind its root folder (perf map).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "proc/process.h"
#include "symbolize/jit_dump.h"
#include "symbolize/perf_map.h"
#include "symbolize/work_budget.h"

namespace whoholds {

class JitFiles {
public:
    // The process's mappings were read again: looks for files, and lets read() look for what was added.
    void update(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);

    // What is known of an address; jitdump before perf map. Reads what was added first, as far as the budget goes.
    // Views are valid until the next call.
    std::optional<JitCodes::Place> find(uint64_t address, WorkBudget& budget);

    // What could not be read, or not yet; whole sentences.
    [[nodiscard]] std::vector<std::string> notes() const;

private:
    struct Identity {
        uint64_t device = 0;
        uint64_t inode = 0;
        bool operator==(const Identity&) const = default;
    };
    struct DumpFile {
        std::string path;
        Identity identity;
        UniqueFd file;
        JitDump dump;
        uint64_t size = 0;
        std::string error;
    };

    void find_perf_map(const ProcRoot& root, pid_t pid);
    void find_dump(const ProcRoot& root, pid_t pid, const Mapping& mapping);
    bool read_perf_map(WorkBudget& budget);
    static bool read_dump(DumpFile& dump, WorkBudget& budget);

    UniqueFd perf_map_file_;
    PerfMap perf_map_;
    uint64_t perf_map_read_ = 0;  // bytes
    uint64_t perf_map_size_ = 0;
    std::vector<DumpFile> dumps_;
    bool is_fresh_ = false;  // everything that was there at the last update() is read
};

}  // namespace whoholds
