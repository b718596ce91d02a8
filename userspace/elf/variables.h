// Variables of an ELF file by name, and where its mapping put them. Used by the readers of runtimes (CPython, V8).
// Invariant: bounded in bytes and names; what the file says of addresses is not checked, as they are only read from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {

struct ElfVariable {
    std::string_view name;  // at most 95 characters; valid during the call only
    uint64_t address = 0;   // virtual address in the file
    uint64_t size = 0;
};

// Calls found() for each variable that a table (".dynsym", ".symtab") names.
void visit_variables(const ElfImage& image, std::string_view table,
                     const std::function<void(const ElfVariable&)>& found);

// What is added to the file's addresses, by the mapping of its code.
std::optional<uint64_t> bias_of_code(const ElfImage& image, const Mapping& code);

}  // namespace whoholds
