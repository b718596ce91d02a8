// The debug information of one file, given to libdw from a copy in memory that is made in portions. Used by DebugLines.
// Invariant: libdw reads nothing but the copy, and the copy holds nothing by which libdw would open other files.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"
#include "elf/elf_source.h"

namespace whoholds {

struct DwarfEnd {
    void operator()(Dwarf* dwarf) const { ::dwarf_end(dwarf); }
};
using DwarfHandle = std::unique_ptr<Dwarf, DwarfEnd>;

// Bytes of debug information, unpacked; 0 without a .debug_info.
uint64_t debug_bytes_of(const ElfImage& image);
// How many of these are packed.
uint64_t packed_debug_bytes_of(const ElfImage& image);

// Order matters: libdw reads through the Elf handle, that in the copy.
struct DwarfFile {
    struct Range {
        uint64_t offset = 0;
        uint64_t size = 0;
    };

    ElfImage image;
    ElfCopy copy;
    ElfHandle elf;
    DwarfHandle dwarf;        // nullptr until all is loaded
    std::vector<Range> left;  // to copy

    static Result<DwarfFile> begin(ElfImage image);
    // False when out of time; the next call goes on.
    Result<bool> load(const std::function<bool()>& out_of_time);
};

}  // namespace whoholds
