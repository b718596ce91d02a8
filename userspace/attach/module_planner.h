// Plans the probes of one module. Pure: the module is given as symbols and a way to read its code, so that tests can make
// one up. Used by planner.cpp only.
// Invariant: what is not probed although the table names it is in `skipped`, with the reason.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/attach_plan.h"
#include "elf/elf_image.h"

namespace whoholds {

class PairSearch;

struct CodeRange {
    uint64_t start = 0;
    uint64_t end = 0;
};

struct ModuleCode {
    std::vector<ElfSymbol> symbols;  // those that were wanted
    std::vector<ElfSymbol> ifuncs;   // likewise: their address is a resolver's
    // Up to size bytes at a virtual address.
    std::function<std::vector<uint8_t>(uint64_t address, size_t size)> code_at;
    // File offset of a virtual address in an executable segment.
    std::function<std::optional<uint64_t>(uint64_t address)> offset_of;
    // The symbol whose address the dynamic linker puts into a slot of the PLT's table, "" when not known.
    std::function<std::string(uint64_t slot)> import_name;
    // The address of the function that the slot's symbol names, if this module defines it, else 0. May be null.
    std::function<uint64_t(uint64_t slot)> import_definition;
    // The slots that the dynamic linker fills with the address of the function of this name, sorted. May be null.
    std::function<std::vector<uint64_t>(std::string_view function)> import_slots;
    // The function that an address belongs to, whether it has a symbol or not, if known. May be null.
    std::function<std::optional<CodeRange>(uint64_t address)> range_of;
    // Where code is in the file, sorted.
    std::vector<CodeRange> executable_ranges;
    // Those of them that are procedure linkage tables: stubs that jump through a slot.
    std::vector<CodeRange> stub_ranges;
    // Every function symbol, read when asked for: dear for large programs. May be null.
    std::function<std::vector<ElfSymbol>()> all_symbols;
    bool is_go = false;
    bool is_library = false;  // a shared object that is not started as a program
    bool may_unwind = false;  // exceptions, cancellations or panics may leave its functions
};

// The symbols that planning any module takes an interest in: the rows of the tables, prefixed jemalloc, and landmarks.
bool is_planned_symbol(std::string_view name);

using SymbolPredicate = std::function<bool(std::string_view)>;

// Reads what planning needs of an ELF file. The ElfImage must outlive the result.
// also_wanted: symbols beyond those that were wanted; null for none.
Result<ModuleCode> read_module(const ElfImage& elf, const ElfImage::SymbolOptions& options,
                               const SymbolPredicate& also_wanted);

// The address of the function that the dynamic linker calls at every dlopen and dlclose, if this module has it.
std::optional<uint64_t> loader_hook(const ModuleCode& code, std::string_view path);

// Whether the path is that of a dynamic linker (glibc's ld-linux, musl's ld-musl).
bool is_loader_path(std::string_view path);

// Fills module.probes and module.is_allocator; module.path is given. search: for the functions of options.pairs, and common to all
// modules of the process.
void plan_module(const ModuleCode& code, const PlanOptions& options, ModulePlan& module, std::vector<Skipped>& skipped,
                 PairSearch& search);

}  // namespace whoholds
