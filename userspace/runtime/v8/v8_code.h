// Machine code that V8 made of functions: from a return address in it to places in scripts. Used by V8Frames.
// Invariant: a place is named only where the tables say it of just this call; no place rather than one nearby.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/v8/position_table.h"
#include "runtime/v8/v8_heap.h"

namespace whoholds {

struct V8InlinedCall {
    std::optional<V8Position> position;  // of the call
    int32_t function = -1;               // what was called: number in `functions`
};

struct V8Code {
    uint64_t start = 0;
    uint32_t size = 0;
    bool is_baseline = false;
    std::vector<V8Compiled> compiled;    // of the baseline compiler
    std::vector<V8Position> positions;   // of others
    std::vector<V8InlinedCall> inlined;  // likewise
    std::vector<uint64_t> functions;     // likewise: SharedFunctionInfos of what was inlined; 0: not known
    std::vector<uint8_t> instructions;   // likewise

    [[nodiscard]] bool holds_return(uint64_t address) const { return address - 1 - start < size; }
    [[nodiscard]] uint64_t identity() const { return wh_v8_code_identity(start, size); }
};

// Where its instructions are, and nothing else.
Result<V8Code> read_v8_code_place(const V8Heap& heap, uint64_t code);

// sizes: of bytecodes, see v8_compiled(). Tables that make no sense are left empty.
Result<V8Code> read_v8_code(const V8Heap& heap, uint64_t code, std::span<const uint8_t> sizes);

// Of the call in optimized code that returns there.
std::optional<V8Position> v8_call_position(const V8Code& code, uint64_t return_address);

}  // namespace whoholds
