// Walks the function symbols of one symbol table without copying names. Used by ElfImage and by the symboliser's
// address tables. Invariant: a visited name lies inside of its string table, is not empty, has no version suffix and
// at most kMaxNameBytes; a visited address lies in an executable segment of the image that is running.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "elf/elf_image.h"

namespace whoholds {

struct FunctionSymbol {
    std::string_view name;  // valid during the visit
    uint64_t address = 0;
    uint64_t size = 0;
    ElfBinding binding = ElfBinding::kLocal;
};
using SymbolVisitor = std::function<void(const FunctionSymbol&)>;

struct SymbolWalk {
    const ElfImage& code;  // whose segments say what is executable; a debug file has the table, not the code
    bool include_ifuncs = false;
    size_t symbols_left = 0;  // what may still be looked at
    static constexpr size_t kMaxNameBytes = 32'768;

    // All tables of this section type (SHT_DYNSYM or SHT_SYMTAB) in owner. kLimit when symbols_left runs out.
    Result<void> visit(const ElfImage& owner, uint32_t section_type, const SymbolVisitor& visitor);

private:
    Result<void> visit_table(const ElfImage& owner, const ElfSection& table, const SymbolVisitor& visitor);
};

// The four places of symbols in the order of preference by which duplicates go: .dynsym, .symtab, the separate debug
// file, .gnu_debugdata. A place that cannot be read is passed over; the first error is returned only if no
// place gave a symbol.
using TaggedSymbolVisitor = std::function<void(const FunctionSymbol&, const char* table)>;
Result<void> visit_all_function_symbols(const ElfImage& image, const ElfImage::SymbolOptions& options,
                                        const TaggedSymbolVisitor& visitor);

}  // namespace whoholds
