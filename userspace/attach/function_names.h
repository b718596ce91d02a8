// The functions of a module by address, as its symbols say: read when first asked for. Used by the scan for system-call
// instructions, for code that .eh_frame does not describe and for names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach/module_planner.h"

namespace whoholds {

class FunctionNames {
public:
    // code must outlive this.
    explicit FunctionNames(const ModuleCode& code) : code_(code) {}

    // The innermost function with a known size that covers the address.
    std::optional<CodeRange> range_of(uint64_t address);
    // Of the names of that function the plainest one: open, not __libc_open64. "" if there is none.
    std::string name_of(uint64_t address);
    // Whether one of that function's names is this.
    bool is_named(uint64_t address, std::string_view name);

private:
    struct Place {
        size_t first = 0;
        size_t end = 0;  // of the symbols with the same start, first == end: none
    };
    Place find(uint64_t address);

    const ModuleCode& code_;
    bool is_read_ = false;
    std::vector<ElfSymbol> symbols_;  // with a size, sorted by address
};

}  // namespace whoholds
