// What planning reads of an ELF file: the symbols of interest and the imports of its PLT.
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "attach/import_slots.h"
#include "attach/module_planner.h"
#include "attach/unwind_ranges.h"
#include "elf/elf_source.h"
#include "runtime/native/allocators.h"

namespace whoholds {
namespace {

// Relocation tables of the largest programs have some 100,000 entries in .rela.plt and .rela.dyn together.
constexpr uint64_t kMaxRelocationBytes = 16 << 20;
constexpr uint64_t kMaxDynamicNameBytes = 16 << 20;
constexpr size_t kMaxSymbolName = 256;

std::optional<Elf64_Sym> dynamic_symbol(const ElfImage& elf, uint64_t index) {
    const ElfSection* symbols = elf.find_section(".dynsym");
    if (symbols == nullptr || index >= symbols->size / sizeof(Elf64_Sym)) return std::nullopt;
    Elf64_Sym symbol;
    std::array<uint8_t, sizeof symbol> bytes{};
    if (!elf.source().read_at(symbols->file_offset + index * sizeof symbol, bytes)) return std::nullopt;
    std::memcpy(&symbol, bytes.data(), sizeof symbol);
    return symbol;
}

// The symbol whose address the dynamic linker puts into a slot.
std::optional<Elf64_Sym> symbol_of_slot(const ElfImage& elf, uint64_t slot) {
    for (const char* table : {".rela.plt", ".rela.dyn"}) {
        const ElfSection* section = elf.find_section(table);
        if (section == nullptr) continue;
        const auto bytes = elf.source().read_up_to(section->file_offset, std::min(section->size, kMaxRelocationBytes));
        for (size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
            Elf64_Rela relocation;
            std::memcpy(&relocation, bytes.data() + at, sizeof relocation);
            const auto type = ELF64_R_TYPE(relocation.r_info);
            if (relocation.r_offset != slot || (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)) continue;
            return dynamic_symbol(elf, ELF64_R_SYM(relocation.r_info));
        }
    }
    return std::nullopt;
}

std::string import_name(const ElfImage& elf, uint64_t slot) {
    const auto symbol = symbol_of_slot(elf, slot);
    const ElfSection* strings = elf.find_section(".dynstr");
    if (!symbol || strings == nullptr || symbol->st_name >= strings->size) return {};
    const auto name = elf.source().read_up_to(strings->file_offset + symbol->st_name,
                                              std::min<uint64_t>(kMaxSymbolName, strings->size - symbol->st_name));
    const auto end = std::find(name.begin(), name.end(), uint8_t{0});
    return end == name.end() ? std::string() : std::string(name.begin(), end);
}

uint64_t import_definition(const ElfImage& elf, uint64_t slot) {
    const auto symbol = symbol_of_slot(elf, slot);
    if (!symbol || symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) return 0;
    return elf.is_executable(symbol->st_value) ? symbol->st_value : 0;
}

// Landing pads of its own, or imports that C++ code has. Code without either calls nothing that throws.
bool may_unwind(const ElfImage& elf) {
    if (elf.has_section(".gcc_except_table")) return true;
    const ElfSection* strings = elf.find_section(".dynstr");
    if (strings == nullptr) return false;
    const auto bytes = elf.source().read_up_to(strings->file_offset, std::min(strings->size, kMaxDynamicNameBytes));
    const std::string_view names(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr auto kMarks =
        std::to_array<std::string_view>({"__gxx_personality_v0", "__cxa_throw", "_Znwm", "_Unwind_Resume",
                                         "libstdc++.so", "libc++.so", "libc++abi.so"});
    return std::ranges::any_of(kMarks,
                               [&](std::string_view mark) { return names.find(mark) != std::string_view::npos; });
}

// The symbols that only appear when IFUNCs are asked for.
Result<std::vector<ElfSymbol>> ifuncs_among(const ElfImage& elf, const ElfImage::SymbolOptions& options,
                                            const std::vector<ElfSymbol>& functions,
                                            const std::function<bool(std::string_view)>& wanted) {
    ElfImage::SymbolOptions with_ifuncs = options;
    with_ifuncs.include_ifuncs = true;
    WH_TRY(std::vector<ElfSymbol> all, elf.function_symbols(with_ifuncs, wanted));
    std::set<std::pair<std::string_view, uint64_t>> known;
    for (const ElfSymbol& symbol : functions) known.emplace(symbol.name, symbol.address);
    std::erase_if(all, [&](const ElfSymbol& symbol) { return known.contains({symbol.name, symbol.address}); });
    return all;
}

// Sorted, and nothing twice.
std::vector<CodeRange> merge(std::vector<CodeRange> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const CodeRange& a, const CodeRange& b) { return a.start < b.start; });
    std::vector<CodeRange> merged;
    for (const CodeRange& range : ranges) {
        if (!merged.empty() && range.start <= merged.back().end) {
            merged.back().end = std::max(merged.back().end, range.end);
        } else {
            merged.push_back(range);
        }
    }
    return merged;
}

// Sections say it more exactly: older linkers put constants into the segment of the code. They are no more than a hint, as
// anyone may write anything there.
std::vector<CodeRange> executable_ranges(const ElfImage& elf) {
    std::vector<CodeRange> ranges;
    for (const ElfSegment& segment : elf.segments()) {
        const uint64_t end = segment.virtual_address + segment.file_size;
        if (!segment.executable || end < segment.virtual_address) continue;
        const size_t before = ranges.size();
        for (const ElfSection& section : elf.sections()) {
            if (!section.is_executable() || section.type == SHT_NOBITS) continue;
            const uint64_t section_end = section.address + std::min(section.size, UINT64_MAX - section.address);
            const CodeRange range{std::max(section.address, segment.virtual_address), std::min(section_end, end)};
            if (range.start < range.end) ranges.push_back(range);
        }
        if (ranges.size() == before && end > segment.virtual_address) ranges.push_back({segment.virtual_address, end});
    }
    return merge(std::move(ranges));
}

// .plt, .plt.got and .plt.sec
std::vector<CodeRange> stub_ranges(const ElfImage& elf) {
    std::vector<CodeRange> ranges;
    for (const ElfSection& section : elf.sections()) {
        const uint64_t end = section.address + section.size;
        if (!section.name.starts_with(".plt") || !section.is_executable() || section.type == SHT_NOBITS) continue;
        if (end > section.address && elf.is_executable(section.address) && elf.is_executable(end - 1))
            ranges.push_back({section.address, end});
    }
    return merge(std::move(ranges));
}

}  // namespace

Result<ModuleCode> read_module(const ElfImage& elf, const ElfImage::SymbolOptions& options,
                               const SymbolPredicate& also_wanted) {
    ModuleCode code;
    SymbolPredicate wanted = [&also_wanted](std::string_view name) {
        return is_planned_symbol(name) || (also_wanted && also_wanted(name));
    };
    WH_TRY(code.symbols, elf.function_symbols(options, wanted));
    std::set<std::string, std::less<>> prefixes;
    for (const ElfSymbol& symbol : code.symbols) {
        const std::string_view prefix = jemalloc_prefix(symbol.name);
        if (!prefix.empty() && prefix != "je_") prefixes.emplace(prefix);
    }
    if (!prefixes.empty()) {  // seldom: jemalloc with a prefix of its own; only now we know it
        wanted = [prefixes, before = wanted](std::string_view name) {
            return before(name) || std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
                       return find_jemalloc_function(name, prefix) != nullptr;
                   });
        };
        WH_TRY(code.symbols, elf.function_symbols(options, wanted));
    }
    if (!code.symbols.empty()) {
        WH_TRY(code.ifuncs, ifuncs_among(elf, options, code.symbols, wanted));
    }
    code.code_at = [&elf](uint64_t address, size_t size) { return elf.code_at(address, size); };
    code.offset_of = [&elf](uint64_t address) {
        return elf.is_executable(address) ? elf.offset_of(address) : std::optional<uint64_t>();
    };
    code.import_name = [&elf](uint64_t slot) { return import_name(elf, slot); };
    code.import_definition = [&elf](uint64_t slot) { return import_definition(elf, slot); };
    // Read when first asked for: few modules have functions that may throw.
    code.range_of = [&elf, ranges = std::shared_ptr<const UnwindRanges>()](uint64_t address) mutable {
        if (!ranges) ranges = std::make_shared<const UnwindRanges>(elf);
        return ranges->range_of(address);
    };
    code.import_slots = [&elf](std::string_view function) { return find_import_slots(elf, function); };
    code.executable_ranges = executable_ranges(elf);
    code.stub_ranges = stub_ranges(elf);
    code.all_symbols = [&elf, options] { return elf.function_symbols(options).value_or({}); };
    code.is_go = elf.is_go();
    code.may_unwind = may_unwind(elf);
    code.is_library = elf.is_position_independent() && elf.interpreter().empty();
    return code;
}

}  // namespace whoholds
