// The slots of a module's global offset table that hold the address of one imported function. Used by module_code.cpp only.
// Invariant: what is read of the file is bounded, whatever its tables say.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "elf/elf_image.h"

namespace whoholds {

// Sorted; empty if the module does not import it, or has no sections that say so.
std::vector<uint64_t> find_import_slots(const ElfImage& elf, std::string_view function);

}  // namespace whoholds
