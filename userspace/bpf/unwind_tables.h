// UnwindTables: writes what the BPF programs need to walk stacks (bpf/shared/unwind.h) into their maps: the tables of the files,
// and for each process which of them is mapped where. Used by Target and by the checker of stacks in tests/.
// Invariant: a process's entry only ever changes under an odd version, and its slice of mappings is never the one that it had
// before; so a walk sees one state, or sees that it did not.
#pragma once

#include <linux/types.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "proc/process.h"
#include "unwind/libdw_unwinder.h"

namespace whoholds {

struct UnwindMaps {
    // File descriptors of BPF maps; they stay the caller's.
    int arena = -1;
    int mappings = -1;
    int processes = -1;
    // Global variables of the BPF programs, mapped; they outlive this.
    std::span<__u64> rules;
    std::span<__u64> rule_cache;
};

struct ProcessState {  // what was read of a process, at one moment
    std::vector<Mapping> maps;
    uint64_t exec_pages = 0;  // the kernel's count of executable pages, when maps were read
    uint32_t removals = 0;    // before maps were read
    uint64_t loader_state_at = 0;
    bool loader_tells = false;  // the dynamic linker's hook is probed
};

class UnwindTables {
public:
    static Result<UnwindTables> open(const UnwindMaps& maps);
    UnwindTables(UnwindTables&&) noexcept;
    UnwindTables& operator=(UnwindTables&&) noexcept;
    ~UnwindTables();

    // Counts up when the dynamic linker takes libraries away.
    [[nodiscard]] uint32_t removals(uint16_t slot) const;
    // Builds tables for files not seen yet, and lets the BPF programs walk this process's stacks. Returns the process's layout:
    // it counts up whenever addresses came to mean other code than before.
    Result<uint32_t> update(uint16_t slot, const ProcRoot& root, pid_t pid, const ProcessState& state);
    void forget(uint16_t slot);

    // Whether the process makes code at run time, so that its count of executable pages says little.
    [[nodiscard]] bool has_jit(uint16_t slot) const;
    // Whether code without unwind information keeps frame pointers, in an executable mapping of the process.
    [[nodiscard]] FramePointers frame_pointers(uint16_t slot, const Mapping& mapping) const;

    struct Statistics {
        size_t files = 0;
        uint64_t rows = 0;
        uint64_t table_bytes = 0;   // of index and rows
        uint64_t kernel_bytes = 0;  // of all maps
        double build_ms = 0;
    };
    [[nodiscard]] Statistics statistics() const;
    [[nodiscard]] const std::vector<std::string>& notes() const;  // files without information, and why

private:
    struct State;
    explicit UnwindTables(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace whoholds
