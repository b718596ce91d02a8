// Reads how to unwind a module's frames out of its ELF file. Used by the edge for every executable mapping.
// Invariant: no row lies outside of the file's executable segments, whatever the file says; time and memory are bounded.
#pragma once

#include "elf/elf_image.h"
#include "unwind/unwind_table.h"

namespace whoholds {

// .eh_frame, found by its section or, where section headers are stripped, by its segment; .debug_frame, of the file or of its
// separate debug file (may be null), for code that the former does not cover; and what is known of code that has neither:
// linkage tables, trampolines of signal handlers, the outermost frames. Go's own code stays a gap: it keeps frame pointers.
UnwindTable build_unwind_table(const ElfImage& image, const ElfImage* debug_image);

}  // namespace whoholds
