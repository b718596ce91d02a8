#include "elf/variables.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "elf/elf_source.h"

namespace whoholds {

void visit_variables(const ElfImage& image, std::string_view table,
                     const std::function<void(const ElfVariable&)>& found) {
    constexpr uint64_t kMaxTableBytes = uint64_t{64} << 20;
    constexpr size_t kMaxNameBytes = 95;
    const ElfSection* symbols = image.find_section(table);
    const ElfSection* strings = image.find_section(table == ".dynsym" ? ".dynstr" : ".strtab");
    if (!symbols || !strings || symbols->size > kMaxTableBytes || strings->size > kMaxTableBytes) return;
    const auto bytes = image.source().read_up_to(symbols->file_offset, symbols->size);
    const auto names = image.source().read_up_to(strings->file_offset, strings->size);
    for (size_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        std::memcpy(&symbol, bytes.data() + at, sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_value == 0 || symbol.st_name >= names.size())
            continue;
        const auto* name = reinterpret_cast<const char*>(names.data()) + symbol.st_name;
        found({{name, ::strnlen(name, std::min(names.size() - symbol.st_name, kMaxNameBytes))},
               symbol.st_value,
               symbol.st_size});
    }
}

std::optional<uint64_t> bias_of_code(const ElfImage& image, const Mapping& code) {
    for (const ElfSegment& segment : image.segments()) {
        const uint64_t end = segment.file_offset + segment.file_size;
        if (segment.executable && code.file_offset < end && segment.file_offset < code.file_offset + 4096)
            return code.start - (segment.virtual_address - segment.file_offset + code.file_offset);
    }
    return std::nullopt;
}

}  // namespace whoholds
