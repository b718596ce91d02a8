// Rules for functions that no CFI describes, out of their code (decoded_code). Used by cfi_reader.
#pragma once

#include <string>
#include <vector>

#include "elf/elf_image.h"
#include "unwind/unwind_table.h"

namespace whoholds {

// Of the gaps in .text of a module that is not Go's and whose code keeps no frame pointers. Costs nothing where gaps are only
// what lies between functions. At most 4 MiB of code and 20,000 functions; a note says so.
std::vector<UnwindPatch> decoded_gap_patches(const ElfImage& image, const std::vector<UnwindRange>& gaps,
                                             std::vector<std::string>& notes);

}  // namespace whoholds
