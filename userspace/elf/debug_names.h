// Names of functions from DWARF: the linkage name, else one put together from the namespaces, classes and functions
// around it, because gcc gives no linkage name to what only one file can see. Used by DebugLines.
// Invariant: every loop is bounded, whatever the DIEs refer to.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <elfutils/libdw.h>

#include <string>
#include <vector>

namespace whoholds {

// False at the end of a list of siblings. A sibling must lie behind its elder: that ends loops in damaged files.
bool next_sibling(Dwarf_Die* die);

class DebugNames {
public:
    // Of a DW_TAG_subprogram or DW_TAG_inlined_subroutine; "" when it has none.
    std::string name_of(Dwarf_Die function);

private:
    std::string qualified_name(Dwarf_Die function, unsigned depth);
    std::string scope_name(Dwarf_Die* scope, unsigned depth);

    absl::flat_hash_map<const void*, std::string> cache_;  // by address of the function's DIE
};

}  // namespace whoholds
