// What can be known of code that no CFI describes. Used by cfi_reader.
#pragma once

#include <vector>

#include "elf/elf_image.h"
#include "unwind/unwind_table.h"

namespace whoholds {

struct GapCode {
    std::vector<UnwindPatch> patches;
    bool keeps_frame_pointers = false;
    bool read_all = true;
};

// Looks through the code of the gaps, up to a bound, for trampolines of signal handlers and starts of threads (musl and Go have no
// CFI for them), and for functions that begin with saving a frame pointer.
GapCode look_through_gaps(const ElfImage& image, const std::vector<UnwindRow>& rows,
                          const std::vector<UnwindRange>& gaps);

// Procedure linkage tables that the linker (lld) did not describe.
std::vector<UnwindPatch> linkage_table_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps);

// The program's first code, which has no caller.
std::vector<UnwindPatch> entry_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps);

}  // namespace whoholds
