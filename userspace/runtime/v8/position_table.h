// V8's tables of positions: from a place in bytecode or in machine code to one in the text of a script (src/codegen/source-position-table.cc),
// and from machine code of the baseline compiler to bytecode (src/baseline/bytecode-offset-iterator.h). Pure.
// Invariant: any bytes are taken; what makes no sense gives nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace whoholds {

struct V8Position {
    int32_t code = 0;     // offset; -1: the function's beginning
    uint32_t script = 0;  // characters before it
    int inlined_at = -1;  // number of the call that was inlined; -1: none was
};

// A number that travels with a table of inlined calls, too. nullopt: no place in a script.
std::optional<V8Position> v8_position(uint64_t number);

// Ordered by code. nullopt: it is no such table.
std::optional<std::vector<V8Position>> v8_positions(std::span<const uint8_t> table);

// The last one at or before an offset of code.
std::optional<V8Position> v8_position_at(std::span<const V8Position> positions, int64_t code);

// Of each bytecode, in order, where the machine code that was made of it ends.
struct V8Compiled {
    uint32_t code_end = 0;
    uint32_t bytecode = 0;  // offset
};

// sizes: of all bytecodes, then of those behind the prefix Wide, then behind ExtraWide. nullopt: bytecodes and table do not fit together.
std::optional<std::vector<V8Compiled>> v8_compiled(std::span<const uint8_t> table, std::span<const uint8_t> bytecodes,
                                                   std::span<const uint8_t> sizes);

// The bytecode that a return address belongs to, by its offset in the code.
std::optional<uint32_t> v8_bytecode_of(std::span<const V8Compiled> compiled, uint64_t return_offset);

}  // namespace whoholds
