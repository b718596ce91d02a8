#include "runtime/go/data_symbols.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "elf/elf_source.h"

namespace whoholds {

DataSymbols DataSymbols::read(const ElfImage& image, uint64_t start, uint64_t end) {
    constexpr uint64_t kMaxTableBytes = uint64_t{64} << 20;
    constexpr size_t kMaxNameBytes = 1024;
    DataSymbols found;
    const ElfSection* table = image.find_section(".symtab");
    if (!table || table->size > kMaxTableBytes) return found;
    const auto strings = std::ranges::find(image.sections(), table->link, &ElfSection::index);
    if (strings == image.sections().end() || strings->size > kMaxTableBytes) return found;
    const auto bytes = image.source().read_up_to(table->file_offset, table->size);
    const auto names = image.source().read_up_to(strings->file_offset, strings->size);
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        std::memcpy(&symbol, bytes.data() + at, sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_value < start || symbol.st_value >= end) continue;
        if (symbol.st_name >= names.size() || symbol.st_size == 0) continue;
        const auto* name = reinterpret_cast<const char*>(names.data()) + symbol.st_name;
        found.symbols_.push_back(
            {symbol.st_value, symbol.st_size,
             std::string(name, ::strnlen(name, std::min(names.size() - symbol.st_name, kMaxNameBytes)))});
    }
    std::ranges::sort(found.symbols_, {}, &Symbol::address);
    return found;
}

std::string DataSymbols::name_at(uint64_t address) const {
    const auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
    if (after == symbols_.begin()) return "";
    const Symbol& symbol = *std::prev(after);
    const uint64_t offset = address - symbol.address;
    if (offset >= symbol.size) return "";
    return offset == 0 ? symbol.name : fmt::format("{}+{:#x}", symbol.name, offset);
}

}  // namespace whoholds
