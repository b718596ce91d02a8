// Where functions begin and end, also those without a symbol: as the unwinder is told in .eh_frame_hdr and .eh_frame.
// Used by the planner to know a function from its neighbour.
// Invariant: a range that is returned contains the address that was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "attach/module_planner.h"
#include "elf/elf_image.h"

namespace whoholds {

class UnwindRanges {
public:
    // Knows nothing if the file has no such table or one in another form than linkers make. The image must outlive this.
    explicit UnwindRanges(const ElfImage& elf);

    [[nodiscard]] std::optional<CodeRange> range_of(uint64_t address) const;

private:
    struct Entry {
        uint64_t start = 0;
        uint64_t description = 0;  // address of the FDE
    };

    const ElfImage& elf_;
    std::vector<Entry> entries_;  // sorted
};

}  // namespace whoholds
