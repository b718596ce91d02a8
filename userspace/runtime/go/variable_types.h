// What the plain variables of a Go program point to, by its code: a map is passed to the runtime's functions together with its type, and what
// such a function has made of a type is stored. Programs carry no types of their variables, stripped or not but for debug information; used
// by the scan of a heap by type, as what only such a variable leads to would have none.
// Invariant: a variable has a type only if a straight line of code says so, and no other line anything else. What it then
// leads to must fit, too; that is for who follows it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/go/go_process.h"
#include "runtime/go/heap_model.h"
#include "runtime/go/type_plan.h"

namespace whoholds {

// Addresses are of the file.
struct GoTypedVariable {
    uint64_t address = 0;
    GoPointerKind kind =
        GoPointerKind::kUntyped;  // kPointer, kSlice: type is what it leads to; kMap, kChannel: it is the variable's
    uint64_t type = 0;            // descriptor
    friend bool operator==(const GoTypedVariable&, const GoTypedVariable&) = default;
};

// Decodes those functions of the program that may tell anything, up to a limit; what was found until go_on() says that the time is over
// counts. In the order of addresses.
std::vector<GoTypedVariable> find_go_typed_variables(const GoProcess& process, const GoOn& go_on);

}  // namespace whoholds
