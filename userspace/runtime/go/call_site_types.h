// GoCallSiteTypes: what a Go program allocates at a place of its code. Calls of the runtime that allocate take a type descriptor as an
// argument, which is loaded in a straight line before; that is read from the code. Used for stacks of samples of a heap, which
// the runtime knows no types of. Everything that is read is untrusted; what is in doubt has no type.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
    // The other way round: where the user's own code allocates what a census by type calls so (GoHeapScan::name): "*main.page",
    // "[]main.entry", "map[string]*main.page". Return addresses; code whose types are known at run time only (generic code,
    // reflection) is not among them. Empty if there is more code than can be looked at. All of it is decoded once, at the first call.
    std::span<const uint64_t> places_of(const GoProcess& process, const std::string& name,
                                        const std::function<void()>& pause);

private:
    // What the call before this address in the file allocates, named as by the census, or as in the source.
    std::string read_type(const GoProcess& process, const FunctionCode& function, uint64_t return_address,
                          bool as_census);
    std::string read_type_at(const GoProcess& process, uint64_t return_address);
    void find_places(const GoProcess& process, const std::function<void()>& pause);
    void find_places_in(const GoProcess& process, CodeRange range, const absl::flat_hash_set<uint64_t>& callees);
    [[nodiscard]] bool has_types(const GoProcess& process);

    std::optional<GoTypes> types_;
    bool has_tried_ = false;
    absl::flat_hash_map<uint64_t, std::string> known_;  // by return address
    bool has_places_ = false;
    absl::flat_hash_map<std::string, std::vector<uint64_t>> places_;  // by name of the type
};

}  // namespace whoholds
