// Finds what belongs to a stripped file: its separate debug file, its compressed symbol table, the file its debug
// information shares with others (dwz). Used by the symbol walk and the line tables.
// Invariant: what is returned belongs to the image: same build id, or without one the CRC that the image names.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "elf/elf_image.h"

namespace whoholds {

// By build id under the debug roots, else by .gnu_debuglink: beside the file, in .debug beside it, and in the debug
// roots under the file's directory as the target sees it.
std::optional<ElfImage> find_debug_file(const ElfImage& image, const ElfImage::SymbolOptions& options);

// What .gnu_debugdata holds, unpacked (at most 64 MiB). kNotFound when the image has none.
Result<ElfImage> open_debug_data(const ElfImage& image);

// The file whose build id is id and which from names by a path, absolute or relative to itself (.gnu_debugaltlink).
std::optional<ElfImage> find_shared_debug_file(const std::string& path, std::span<const uint8_t> id,
                                               const ElfImage& from, const ElfImage::SymbolOptions& options);

}  // namespace whoholds
