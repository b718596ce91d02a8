// Where the fields are that we read of a CPython interpreter, by minor version (3.8 to 3.13, builds with the interpreter's lock).
// Within a minor version the layout does not change. Used by PythonProcess, which checks it against each process.
#pragma once

#include <cstdint>
#include <optional>

#include "bpf/shared/python_process.h"

namespace whoholds {

// How a code object says which line an instruction belongs to.
enum class PythonLines : uint8_t {
    kPairs,      // pairs of bytes: instructions, lines (until 3.9)
    kRanges,     // pairs of bytes: length of a range, lines (3.10)
    kLocations,  // entries of variable length (from 3.11 on)
};

struct PythonCodeLayout {
    uint16_t file = 0;  // co_filename; the name, from 3.11 on the qualified name, and the table follow
    uint16_t name = 0;
    uint16_t qualified_name = 0;  // 0: there is none
    uint16_t table = 0;
    uint16_t first_line = 0;
    PythonLines lines = PythonLines::kLocations;
};

struct PythonTextLayout {  // of a str
    uint16_t length = 16;
    uint16_t state = 32;
    uint16_t ascii = 40;    // its characters, if all are ASCII
    uint16_t compact = 56;  // ... and if not
};

struct PythonLayout {
    unsigned minor = 0;
    uint16_t interpreters = 0;  // in _PyRuntime: the first one
    uint16_t threads = 0;       // in an interpreter: the state of its first thread
    uint16_t next_thread = 8;   // in a thread's state
    uint16_t interpreter = 16;  // likewise: the interpreter that it is of
    PythonCodeLayout code;
    PythonTextLayout text;
    wh_python_process process{};  // key_at: from _PyRuntime on; what depends on the C library is empty
};

// minor: 11 of 3.11. nullopt: a version that we know nothing of.
std::optional<PythonLayout> python_layout(unsigned minor);

constexpr unsigned kOldestPythonMinor = 8;
constexpr unsigned kNewestPythonMinor = 13;

}  // namespace whoholds
