// The file of a process that holds a CPython interpreter: its version, and where its variables and its evaluator are. From the file alone,
// but for the version, which is a variable. Used by PythonProcess.
// Invariant: addresses are those of the process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {

struct PythonRange {
    uint64_t start = 0;
    uint64_t end = 0;
    [[nodiscard]] bool holds(uint64_t address) const { return address - start < end - start; }
};

struct PythonModule {
    std::string path;
    uint64_t runtime = 0;                // _PyRuntime
    uint64_t version = 0;                // Py_Version; 0: there is none (until 3.10)
    uint64_t code_type = 0;              // PyCode_Type
    PythonRange code;                    // all of its code
    std::vector<PythonRange> evaluator;  // _PyEval_EvalFrameDefault, in one or more pieces
};

// Whether this file may be one, by its name; what is not is not opened, unless it is the program itself.
bool may_hold_python(const std::string& path);

// kNotFound: it is none.
Result<PythonModule> read_python_module(const ProcRoot& root, pid_t pid, const Mapping& code);

// Pieces of a function that its jumps lead to, and that no symbol names: compilers move what is seldom run away from the rest. Of
// the file, as is `function`.
std::vector<PythonRange> outlying_pieces(const ElfImage& image, const PythonRange& function);

}  // namespace whoholds
