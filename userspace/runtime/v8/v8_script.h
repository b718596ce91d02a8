// What V8 knows of a script and of a function in it: names, and from a place in the text to a line. Used by V8Frames.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/v8/position_table.h"
#include "runtime/v8/v8_heap.h"

namespace whoholds {

// Where each line of a text ends, in units of UTF-16, as V8 counts lines.
std::vector<uint32_t> v8_line_ends(std::span<const uint16_t> text);

struct V8Script {
    uint32_t id = 0;
    std::string file;  // a path, "node:fs", or ""
    int first_line = 1;
    std::vector<uint32_t> line_ends;  // empty: its text is not known

    // 0: not known.
    [[nodiscard]] int line_of(uint32_t position) const;
};

// "file:///home/a%20b.mjs" as a path; anything else as it is.
std::string v8_script_file(const std::string& name);

struct V8Function {
    uint32_t script_id = 0;
    uint32_t literal_id = 0;
    uint64_t script = 0;                // address
    uint64_t data = 0;                  // word: what it runs
    std::string name;                   // "" : it has none
    bool is_constructor = false;        // of a class
    std::vector<V8Position> positions;  // of its bytecodes; empty: not known
    std::vector<uint8_t> bytecodes;

    [[nodiscard]] uint64_t identity(uint32_t tid) const { return wh_v8_function_identity(tid, script_id, literal_id); }
};

Result<V8Script> read_v8_script(const V8Heap& heap, uint64_t script);

// shared: address of a SharedFunctionInfo. An error: it is none (any more). What is missing of names and positions is left empty.
Result<V8Function> read_v8_function(const V8Heap& heap, uint64_t shared);

// Where the function begins in its script, in characters. shared: likewise. An error: it is not known.
Result<uint32_t> read_v8_start(const V8Heap& heap, uint64_t shared);

// Script and number in it alone, to see whether it still is that one.
Result<V8Function> read_v8_function_ids(const V8Heap& heap, uint64_t shared);

}  // namespace whoholds
