// GoCallSiteTypes: what a Go program allocates at a place of its code. Calls of the runtime that allocate take a type descriptor as an
// argument, which is loaded in a straight line before; that is read from the code. Used for stacks of samples of a heap, which
// the runtime knows no types of. Everything that is read is untrusted; what is in doubt has no type.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "attach/function_code.h"
#include "runtime/go/go_process.h"
#include "runtime/go/types.h"

namespace whoholds {

// The type descriptor, by its address in the file, that the call behind which `return_address` lies passes in this register; nullopt:
// it is not loaded in a straight line before. Pure.
std::optional<uint64_t> go_type_argument(const FunctionCode& function, uint64_t return_address, ZydisRegister reg);

class GoCallSiteTypes {
public:
    // "main.session", "[]main.entry"; "" if it is not known. frames: program counters of a stack, innermost first.
    std::string type_of(const GoProcess& process, std::span<const uint64_t> frames);

private:
    std::string read_type(const GoProcess& process, uint64_t return_address);

    std::optional<GoTypes> types_;
    bool has_tried_ = false;
    absl::flat_hash_map<uint64_t, std::string> known_;  // by return address
};

}  // namespace whoholds
