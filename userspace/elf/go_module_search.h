// Finds Go's table of functions and the runtime's description of the module in an ELF file: by sections where there are
// any, else by scanning. Used by GoCode alone.
#pragma once

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/go_code.h"

namespace whoholds {

struct FoundGoModule {
    GoLineTable table;
    GoModuleData data;
    GoBuildInfo build_info;  // go_version alone where the file has no build information
    unsigned minor_version = 0;
};

Result<FoundGoModule> find_go_module(const ElfImage& image);

}  // namespace whoholds
