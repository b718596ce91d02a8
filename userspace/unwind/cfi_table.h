// The rows of a module out of the bytes of its .eh_frame and .debug_frame. Used by cfi_reader, which finds these sections.
#pragma once

#include <optional>
#include <vector>

#include "unwind/cfi_entries.h"
#include "unwind/unwind_table.h"

namespace whoholds {

struct CfiSections {
    std::optional<CfiSection> eh_frame;
    std::vector<CfiSection> debug_frames;  // for code that the former ones do not cover
    std::vector<UnwindRange> code;         // sorted, disjoint; no row lies outside of them
};

// Of a huge or hostile file the part that fits some millions of rows; notes say so.
UnwindTable make_unwind_table(const CfiSections& sections);

// Fills in covered_bytes and unsupported_bytes.
void measure(UnwindTable& table);

}  // namespace whoholds
