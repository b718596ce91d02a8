// What a Python code object says of itself: file, name, lines. Read from the process, where it may be freed and be another object
// by the time that we come. Used by PythonFrames.
// Invariant: what is returned has the identity that was asked for, before and after it was read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "proc/process_memory.h"
#include "runtime/python/layout.h"

namespace whoholds {

struct PythonCode {
    std::string file;
    std::string name;  // qualified, where the version knows that
    int first_line = 0;
    PythonLines lines = PythonLines::kLocations;
    std::vector<uint8_t> table;
    bool is_internal = false;  // made by the interpreter, without a line of Python

    // The line of an instruction as a frame has it; the first one where the table names none.
    [[nodiscard]] int line_at(uint64_t instruction) const;
};

// type: the address of PyCode_Type. An error: it is not there (any more), or makes no sense.
Result<PythonCode> read_python_code(const ProcessMemory& memory, const PythonLayout& layout, uint64_t type,
                                    uint64_t address, uint64_t identity);

// UTF-8.
Result<std::string> read_python_text(const ProcessMemory& memory, const PythonTextLayout& layout, uint64_t address);

// The same of bytes that were read already: what stands for one character (1, 2, 4) in the object, whose characters these are.
std::string python_text(std::span<const uint8_t> characters, unsigned width, bool is_ascii);

}  // namespace whoholds
