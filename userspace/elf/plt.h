// The stubs of a procedure linkage table: small nameless functions that jump through a slot of the GOT. Their names
// follow from the relocation of that slot. Used by the symboliser.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "elf/elf_image.h"

namespace whoholds {

struct PltEntry {
    uint64_t address = 0;
    uint64_t size = 0;
    std::string function;  // what it jumps to, without version
};

// Empty when there is none, or nothing in it makes sense.
std::vector<PltEntry> read_plt(const ElfImage& image);

}  // namespace whoholds
