// Where the fields are that we read of V8's objects, by version of V8 (10.2, 11.3, 12.4, 13.6: what Node 18, 20, 22 and 24 have, without
// pointer compression). Used by V8Process and the readers of objects.
// Invariant: a layout that expect_layout() accepts agrees with all that the file says of itself (its v8dbg_ constants).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "bpf/shared/v8_process.h"

namespace whoholds {

// The numbers by which maps of objects tell their types.
struct V8Types {
    uint16_t function = 0;  // the first one of several in a row
    uint16_t shared = 0;
    uint16_t scope = 0;
    uint16_t script = 0;
    uint16_t bytecodes = 0;
    uint16_t code = 0;
    uint16_t bytes = 0;             // ByteArray
    uint16_t trusted_bytes = 0;     // TrustedByteArray; 0: there is none (until 12.3)
    uint16_t interpreter_data = 0;  // bytecodes with a copy of the interpreter's entry
    uint16_t shared_wrapper = 0;    // SharedFunctionInfoWrapper; 0: there is none
    uint16_t uncompiled = 0;        // UncompiledData: the first one of four in a row; 0: not known
};

// Offsets are bytes from the object's address on, its tag taken away.
struct V8Layout {
    unsigned major = 0;
    unsigned minor = 0;
    wh_v8_process process{};
    uint16_t shared_data = 8;  // what it runs: bytecodes, or Code of the baseline compiler
    uint16_t shared_name = 16;
    uint16_t scope_variables = 32;  // in a ScopeInfo: behind what all have
    uint16_t uncompiled_start = 0;  // in an UncompiledData: where in the script the function begins; 0: not known
    uint16_t bytecode_positions = 0;
    uint16_t bytecode_data = 0;
    uint16_t code_data = 0;     // in a Code: bytecodes, or what deoptimization needs; the table of positions follows
    uint16_t code_flags = 0;    // what compiled it in the lowest bits
    uint8_t baseline_kind = 0;  // of that; optimizing compilers have higher numbers
    uint8_t inlined_literals =
        2;  // in the array that deoptimization needs: literals, of which the first are inlined functions
    uint8_t inlined_positions = 7;  // ... and where they were inlined
    V8Types types;

    [[nodiscard]] uint16_t code_positions() const { return code_data + 8; }
};

constexpr uint16_t kV8MapType = 12;  // in a Map

using V8Constants = std::map<std::string, int32_t, std::less<>>;  // without "v8dbg_"

// nullopt: a version that we know nothing of.
std::optional<V8Layout> v8_layout(unsigned major, unsigned minor);

// Takes the numbers of types from what the file says of itself. kUnsupported: it has fields elsewhere, or does not tell its types.
Result<void> expect_layout(V8Layout& layout, const V8Constants& constants);

}  // namespace whoholds
