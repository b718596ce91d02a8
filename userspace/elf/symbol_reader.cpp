#include "elf/symbol_reader.h"

#include <absl/container/flat_hash_set.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "elf/debug_files.h"
#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxStringTableBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxCopiedNameBytes = uint64_t{1} << 30;
constexpr size_t kSymbolsPerRead = 8192;

const ElfSection* section_at(const ElfImage& image, uint32_t index) {
    const auto& sections = image.sections();
    const auto found = std::find_if(sections.begin(), sections.end(),
                                    [index](const ElfSection& section) { return section.index == index; });
    return found == sections.end() ? nullptr : &*found;
}

bool has_plain_bytes(const ElfSection& section) {
    return section.type != SHT_NOBITS && (section.flags & SHF_COMPRESSED) == 0;
}

// "" when the offset points nowhere, the name does not end, or it is longer than any compiler makes it.
std::string_view name_at(std::span<const uint8_t> strings, uint64_t offset) {
    if (offset >= strings.size()) return {};
    const auto rest = strings.subspan(offset, std::min(strings.size() - offset, SymbolWalk::kMaxNameBytes));
    const void* end = std::memchr(rest.data(), 0, rest.size());
    if (end == nullptr) return {};
    const std::string_view name(reinterpret_cast<const char*>(rest.data()),
                                static_cast<size_t>(static_cast<const uint8_t*>(end) - rest.data()));
    const size_t version = name.find('@');
    return version == 0 ? name : name.substr(0, version);
}

ElfBinding binding_of(const Elf64_Sym& symbol) {
    switch (ELF64_ST_BIND(symbol.st_info)) {
        case STB_LOCAL: return ElfBinding::kLocal;
        case STB_WEAK: return ElfBinding::kWeak;
        default: return ElfBinding::kGlobal;
    }
}

bool is_function(const Elf64_Sym& symbol, const ElfImage& code, bool include_ifuncs) {
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    const bool function = type == STT_FUNC || (include_ifuncs && type == STT_GNU_IFUNC);
    return function && symbol.st_shndx != SHN_UNDEF && code.is_executable(symbol.st_value);
}

Result<void> read_symbols(const ElfImage& owner, uint64_t offset, std::vector<Elf64_Sym>& symbols) {
    const auto bytes = std::as_writable_bytes(std::span(symbols));
    if (owner.source().read_at(offset, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()})) return {};
    return Error{ErrorCode::kMalformed, "symbol table: cut short"};
}

}  // namespace

Result<SymbolCursor> SymbolCursor::open(const ElfImage& owner, const ElfSection& table) {
    const ElfSection* strings = section_at(owner, table.link);
    if (strings == nullptr || !has_plain_bytes(*strings) || !has_plain_bytes(table)) {
        return Error{ErrorCode::kMalformed, table.name + ": has no string table"};
    }
    SymbolCursor cursor;
    cursor.offset_ = table.file_offset;
    cursor.left_ = table.size / sizeof(Elf64_Sym);
    cursor.strings_offset_ = strings->file_offset;
    cursor.strings_size_ = strings->size;
    return cursor;
}

Result<bool> SymbolCursor::next(const ElfImage& owner, const ElfImage& code, bool include_ifuncs,
                                std::vector<NamelessSymbol>& out) {
    if (left_ == 0) return false;
    std::vector<Elf64_Sym> symbols(std::min<uint64_t>(left_, kSymbolsPerRead));
    left_ -= symbols.size();
    if (auto read = read_symbols(owner, offset_, symbols); !read) {
        left_ = 0;
        return std::move(read).error();
    }
    offset_ += symbols.size() * sizeof(Elf64_Sym);
    for (const Elf64_Sym& symbol : symbols) {
        if (symbol.st_name == 0 || symbol.st_name >= strings_size_) continue;
        if (!is_function(symbol, code, include_ifuncs)) continue;
        out.push_back({.address = symbol.st_value,
                       .size = symbol.st_size,
                       .name_offset = symbol.st_name,
                       .binding = binding_of(symbol)});
    }
    return true;
}

std::string SymbolCursor::name_of(const ElfImage& owner, uint32_t name_offset) const {
    if (name_offset >= strings_size_) return {};
    for (uint64_t size : {uint64_t{256}, uint64_t{SymbolWalk::kMaxNameBytes}}) {
        size = std::min(size, strings_size_ - name_offset);
        const std::vector<uint8_t> bytes = owner.source().read_up_to(strings_offset_ + name_offset, size);
        const std::string_view name = name_at(bytes, 0);
        if (!name.empty()) return std::string(name);
    }
    return {};
}

Result<void> SymbolWalk::visit_table(const ElfImage& owner, const ElfSection& table, const SymbolVisitor& visitor) {
    const ElfSection* string_section = section_at(owner, table.link);
    if (string_section == nullptr || !has_plain_bytes(*string_section)) {
        return Error{ErrorCode::kMalformed, table.name + ": has no string table"};
    }
    if (string_section->size > kMaxStringTableBytes) {
        return Error{ErrorCode::kLimit, table.name + ": its string table is larger than 1 GiB"};
    }
    const std::vector<uint8_t> strings = owner.source().read_up_to(string_section->file_offset, string_section->size);

    std::vector<Elf64_Sym> symbols;
    for (uint64_t left = table.size / sizeof(Elf64_Sym), offset = table.file_offset; left > 0;) {
        if (symbols_left == 0)
            return Error{ErrorCode::kLimit, table.name + ": too many symbols, the rest was left out"};
        symbols.resize(std::min({left, uint64_t{kSymbolsPerRead}, uint64_t{symbols_left}}));
        if (auto read = read_symbols(owner, offset, symbols); !read) {
            return Error{ErrorCode::kMalformed, table.name + ": cut short"};
        }
        left -= symbols.size();
        symbols_left -= symbols.size();
        offset += symbols.size() * sizeof(Elf64_Sym);
        for (const Elf64_Sym& symbol : symbols) {
            if (!is_function(symbol, code, include_ifuncs)) continue;
            const std::string_view name = name_at(strings, symbol.st_name);
            if (!name.empty()) visitor({name, symbol.st_value, symbol.st_size, binding_of(symbol)});
        }
    }
    return {};
}

Result<void> SymbolWalk::visit(const ElfImage& owner, uint32_t section_type, const SymbolVisitor& visitor) {
    for (const ElfSection& section : owner.sections()) {
        if (section.type == section_type && has_plain_bytes(section)) WH_TRY_VOID(visit_table(owner, section, visitor));
    }
    return {};
}

Result<void> visit_all_function_symbols(const ElfImage& image, const ElfImage::SymbolOptions& options,
                                        const TaggedSymbolVisitor& visitor) {
    SymbolWalk walk{.code = image, .include_ifuncs = options.include_ifuncs, .symbols_left = options.max_symbols};
    std::optional<Error> first_error;
    bool any = false;
    const auto visit = [&](const ElfImage& owner, uint32_t type, const char* table) {
        auto result = walk.visit(owner, type, [&](const FunctionSymbol& symbol) {
            any = true;
            visitor(symbol, table);
        });
        if (!result && !first_error) first_error = std::move(result).error();
    };
    visit(image, SHT_DYNSYM, ".dynsym");
    visit(image, SHT_SYMTAB, ".symtab");
    if (const auto debug_file = find_debug_file(image, options)) visit(*debug_file, SHT_SYMTAB, "debug file");
    if (image.has_section(".gnu_debugdata")) {
        if (auto packed = open_debug_data(image)) {
            visit(*packed, SHT_SYMTAB, ".gnu_debugdata");
        } else if (!first_error) {
            first_error = std::move(packed).error();
        }
    }
    if (!any && first_error) return *std::move(first_error);
    return {};
}

Result<std::vector<ElfSymbol>> ElfImage::function_symbols(const SymbolOptions& options) const {
    return function_symbols(options, [](std::string_view) { return true; });
}

Result<std::vector<ElfSymbol>> ElfImage::function_symbols(const SymbolOptions& options,
                                                          const std::function<bool(std::string_view)>& wanted) const {
    std::vector<ElfSymbol> found;
    absl::flat_hash_set<std::pair<uint64_t, size_t>> seen;  // address, hash of the name
    uint64_t copied_bytes = 0;
    WH_TRY_VOID(visit_all_function_symbols(*this, options, [&](const FunctionSymbol& symbol, const char* table) {
        if (copied_bytes > kMaxCopiedNameBytes || !wanted(symbol.name)) return;
        if (!seen.emplace(symbol.address, std::hash<std::string_view>{}(symbol.name)).second) return;
        copied_bytes += symbol.name.size();
        found.push_back({.name = std::string(symbol.name),
                         .address = symbol.address,
                         .size = symbol.size,
                         .table = table,
                         .binding = symbol.binding});
    }));
    return found;
}

}  // namespace whoholds
