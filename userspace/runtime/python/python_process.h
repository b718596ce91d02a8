// A live process that runs Python code in a CPython interpreter: where its threads' frames are, so that BPF programs can follow them, and
// what its code objects say. Used by the target and by PythonFrames.
// Invariant: offsets come from the table of versions and are tried on this process; until there is anything to try them on (an
// interpreter that only starts), the programs compare each thread's state with the thread. Nothing is written, nothing is stopped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "proc/process.h"
#include "proc/process_memory.h"
#include "runtime/python/layout.h"
#include "runtime/python/python_module.h"

namespace whoholds {

class PythonProcess {
public:
    // The first interpreter among the process's files. kNotFound: none; kUnsupported: a version that is not known, with the reason;
    // another error may pass.
    static Result<PythonProcess> open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings);

    // Tries the layout. true: it holds; false: there is nothing to try it on yet. kUnsupported: it is built differently.
    [[nodiscard]] Result<bool> check() const;

    [[nodiscard]] const wh_python_process& process() const { return process_; }
    [[nodiscard]] const PythonModule& module() const { return module_; }
    [[nodiscard]] const PythonLayout& layout() const { return layout_; }
    [[nodiscard]] const ProcessMemory& memory() const { return memory_; }
    [[nodiscard]] const std::string& version() const { return version_; }  // "3.11.2", "3.9"

private:
    PythonProcess(PythonModule module, ProcessMemory memory) : module_(std::move(module)), memory_(std::move(memory)) {}

    Result<void> find_version();
    [[nodiscard]] Result<bool> check_threads() const;
    [[nodiscard]] Result<bool> is_found_by_key(uint64_t thread, uint64_t state, uint32_t key) const;

    PythonModule module_;
    ProcessMemory memory_;
    PythonLayout layout_;
    wh_python_process process_{};
    std::string version_;
};

// The number behind "python3." in a path; 0: there is none.
unsigned python_minor_of_path(const std::string& path);

}  // namespace whoholds
