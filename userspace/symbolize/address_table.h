// The function symbols of one module, sorted once, one name an address. Used by the symboliser.
// Invariant: entries are sorted by start; each covers at least one byte of executable code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "elf/elf_image.h"

namespace whoholds {

class AddressTable {
public:
    AddressTable() = default;
    static Result<AddressTable> read(const ElfImage& image, const ElfImage::SymbolOptions& options);

    // The function that covers an address of the file, as the symbol table spells it; "" when none does. A symbol
    // without a size reaches to the next one, at most to the end of its section. Valid as long as the table.
    [[nodiscard]] std::string_view find(uint64_t address) const;
    [[nodiscard]] size_t size() const { return entries_.size(); }

private:
    struct Entry {
        uint64_t start = 0;
        uint64_t end = 0;
        uint64_t name_offset = 0;
        uint32_t name_size = 0;
    };
    class Builder;

    std::vector<Entry> entries_;
    std::string names_;
};

}  // namespace whoholds
