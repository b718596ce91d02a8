// GoRootNames: what a report calls a place where a way to objects of a Go heap begins: a variable by its name, or by its type and the
// functions that use it; a goroutine by its first function, by who started it, and by where it is in the user's code. Used by the search for
// holders, one for each.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <utility>

#include "runtime/go/data_symbols.h"
#include "runtime/go/heap_scan.h"
#include "runtime/go/roots.h"
#include "runtime/go/variable_users.h"

namespace whoholds {

// Whose it is: ways that begin in the user's own are told before others.
enum class GoRootOwner : uint8_t { kUser, kLibrary, kRuntime };

class GoRootNames {
public:
    // All are kept by reference.
    GoRootNames(const GoProcess& process, const GoRoots& roots, const GoHeapScan& scan, const DataSymbols& symbols,
                GoVariableUsers& users)
        : process_(process), roots_(roots), scan_(scan), symbols_(symbols), users_(users), walker_(process) {}

    // Of a goroutine: the user's if its first function is, or who started it.
    [[nodiscard]] GoRootOwner owner_of(const GoRoot& root);
    // Addresses are of the process, numbers are positions in GoRoots::goroutines.
    [[nodiscard]] bool is_of_runtime(uint64_t variable) const;
    [[nodiscard]] std::string of_variable(uint64_t address) const;
    [[nodiscard]] const std::string& of_goroutine(uint32_t number);

private:
    [[nodiscard]] std::string function_name(uint64_t address, bool is_call) const;
    // The innermost one on its stack; "": none, or not known.
    [[nodiscard]] std::string users_function_of(uint32_t number);
    [[nodiscard]] std::string words_of(uint32_t number);

    const GoProcess& process_;
    const GoRoots& roots_;
    const GoHeapScan& scan_;
    const DataSymbols& symbols_;
    GoVariableUsers& users_;
    GoStackWalker walker_;
    absl::flat_hash_map<std::pair<uint64_t, uint64_t>, GoRootOwner> owners_;  // by first function and creator
    absl::flat_hash_map<uint32_t, std::string> goroutines_;                   // what they are called
};

}  // namespace whoholds
