// Where an ELF file has its CFI. Used by cfi_reader.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "unwind/cfi_entries.h"

namespace whoholds {

struct CfiBytes {
    std::vector<uint8_t> bytes;
    CfiSection section;  // a view of them

    CfiBytes(std::vector<uint8_t> contents, CfiSection form) : bytes(std::move(contents)), section(form) {
        section.bytes = bytes;
    }
    CfiBytes(CfiBytes&&) = default;  // moving a vector leaves its bytes where they are
    CfiBytes& operator=(CfiBytes&&) = default;
};

// kNotFound when there is none.
Result<CfiBytes> read_eh_frame(const ElfImage& image);
Result<CfiBytes> read_debug_frame(const ElfImage& image);

// What the executable segments have in the file, sorted, disjoint.
std::vector<UnwindRange> executable_ranges(const ElfImage& image);

// The executable sections in these, where section headers tell: linkers may put constants into an executable segment.
std::vector<UnwindRange> code_ranges(const ElfImage& image, const std::vector<UnwindRange>& executable);

}  // namespace whoholds
