// Reads data of an ELF file as the dynamic linker would leave it at base 0: words that it relocates by the base alone
// (R_X86_64_RELATIVE) have their final value, which in the file of a PIE may be zero. Used by the readers of Go's tables,
// which find pointers in data.
// Invariant: nothing is kept; the table is walked in portions each time, so a hostile one costs time and no memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"

namespace whoholds {

class RelativeRelocations {
public:
    // Finds the table by the program headers, which are there when sections are cut off. None is no error.
    static RelativeRelocations of(const ElfImage& image);

    // address: of the word; value: what it will hold. In the order of the table. Stops when visit returns false.
    void for_each(const ElfImage& image, const std::function<bool(uint64_t address, uint64_t value)>& visit) const;

    // Fills out with what will be at address; false if the file does not have all of it. Words that lie only partly in out
    // are not relocated.
    [[nodiscard]] bool read(const ElfImage& image, uint64_t address, std::span<uint8_t> out) const;

private:
    uint64_t offset_ = 0;  // in the file
    uint64_t count_ = 0;
};

// The addresses of up to max_count words (8-aligned, in segments without code) that will hold value. Those of the last
// segment, where data is, come first.
std::vector<uint64_t> find_words(const ElfImage& image, const RelativeRelocations& relocations, uint64_t value,
                                 size_t max_count);

}  // namespace whoholds
