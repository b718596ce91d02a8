// How to unwind code that no CFI describes, derived from the code itself: every way through a function is followed from its
// entry, with what each instruction does to the stack. Used by decoded_gaps.
// Invariant: a function of which anything is in doubt is left out as a whole: computed jumps, ways that meet with different
// stacks, a return with something left on the stack, bytes that are no instructions, jumps into it that contradict.
#pragma once

#include <cstdint>
#include <vector>

#include "unwind/stack_state.h"
#include "unwind/unwind_table.h"

namespace whoholds {

struct CodeBytes {
    uint64_t start = 0;
    std::vector<uint8_t> bytes;

    [[nodiscard]] uint64_t end() const { return start + bytes.size(); }
};

struct CodeExtent {
    UnwindRange code;
    bool is_part = false;  // a cold part: belongs to another function and is only jumped to
};

struct DecodedPlace {
    uint64_t address = 0;
    uint32_t function = 0;
    uint8_t length = 0;
    StackState state;  // in front of the instruction
};

struct DecodedCode {
    std::vector<DecodedPlace> places;  // sorted by address
    size_t accepted = 0;               // functions
    size_t refused = 0;
    bool read_all = true;
};

// The pieces of code are sorted and disjoint. Begins with the functions whose extent is known and goes on with those that they
// call, jump to or name, unless these lie in the extent of another one.
DecodedCode decode_code(const std::vector<CodeBytes>& code, std::vector<CodeExtent> functions);

std::vector<UnwindPatch> patches_of(const DecodedCode& decoded);

}  // namespace whoholds
