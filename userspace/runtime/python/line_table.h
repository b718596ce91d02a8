// Which line of its file an instruction of a Python code object belongs to, by the table in the code object. The table is read from
// another process and may be anything. Used by the reader of code objects.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/python/layout.h"

namespace whoholds {

// instruction: as the frame has it (3.8, 3.9: bytes; later: instructions of two bytes). nullopt: the table names no line for it.
std::optional<int> python_line(PythonLines form, std::span<const uint8_t> table, int first_line, uint64_t instruction);

}  // namespace whoholds
