// What kind of module one is: a C library, a dynamic linker, an allocator, and whose. Used by the planner only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attach/module_planner.h"
#include "runtime/native/allocators.h"

namespace whoholds {

struct ModuleTraits {
    AllocatorFamily family = AllocatorFamily::kLibc;  // by an unprefixed mark: whose malloc this module's malloc is
    bool has_own_names = false;                       // any mark, prefixed ones too
    bool is_libc = false;
    bool is_musl = false;
    bool is_loader = false;
    bool exports_malloc = false;
    const ElfSymbol* malloc = nullptr;
    const ElfSymbol* free = nullptr;
    const ElfSymbol* plain_new = nullptr;
    std::vector<std::string_view> prefixes = {"je_"};
};

ModuleTraits traits_of(const ModuleCode& code, std::string_view path);

// A symbol that only tells what module this is.
bool is_landmark(std::string_view name);

}  // namespace whoholds
