// Walks the function symbols of symbol tables: at once with their names (ElfImage), or in portions with the names left in
// the file (the symboliser's address tables). Invariant: a visited name lies inside of its string table, is not empty, has no version suffix and
// at most kMaxNameBytes; a visited address lies in an executable segment of the image that is running.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

// A symbol whose name is still in the file: 24 bytes, so that millions can be kept.
struct NamelessSymbol {
    uint64_t address = 0;
    uint64_t size = 0;
    uint32_t name_offset = 0;  // in the string table
    ElfBinding binding = ElfBinding::kLocal;
    uint8_t source = 0;  // for whoever collects them from several tables
};

// The function symbols of one table, portion by portion, and their names one by one. The image is passed in each time,
// because it may be moved between the calls.
class SymbolCursor {
public:
    // index of a section of type SHT_DYNSYM or SHT_SYMTAB. kMalformed without a string table.
    static Result<SymbolCursor> open(const ElfImage& owner, const ElfSection& table);

    // Appends those of the next portion (some thousands) that are functions with a name and in code; false at the end.
    Result<bool> next(const ElfImage& owner, const ElfImage& code, bool include_ifuncs,
                      std::vector<NamelessSymbol>& out);
    [[nodiscard]] uint64_t symbols_left() const { return left_; }
    // "" when the offset points nowhere or the name makes no sense.
    [[nodiscard]] std::string name_of(const ElfImage& owner, uint32_t name_offset) const;

private:
    uint64_t offset_ = 0;
    uint64_t left_ = 0;
    uint64_t strings_offset_ = 0;
    uint64_t strings_size_ = 0;
};

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
