// Names of a program's variables, from its symbol table if it has one. Used where a report names the variable that holds objects.
// Invariant: only variables within the given range are kept; a table that makes no sense gives no names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "elf/elf_image.h"

namespace whoholds {

class DataSymbols {
public:
    // Addresses of the file.
    static DataSymbols read(const ElfImage& image, uint64_t start, uint64_t end);
    [[nodiscard]] bool is_empty() const { return symbols_.empty(); }
    // "main.sessions", "main.config+0x10"; "" when not known.
    [[nodiscard]] std::string name_at(uint64_t address) const;

private:
    struct Symbol {
        uint64_t address = 0;
        uint64_t size = 0;
        std::string name;
    };
    std::vector<Symbol> symbols_;  // by address
};

}  // namespace whoholds
