// Pair: functions that hand out something and functions that take it back, as the user names them (--pair, --pairs). Made by the
// grammar and the catalogue, planned by attach/pair_search.
// Invariant: every shape is valid, and has the kind WH_KIND_PAIR_FIRST until the planner puts in the one of the pair's position.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace whoholds {

struct PairFunction {
    enum class Role : uint8_t {
        kAcquire,
        kRelease,
        kHide,  // neither: calls that are made inside of it do not count
    };
    enum class NameKind : uint8_t {
        kSymbol,   // "SSL_new", "_ZN3Foo4openEv"
        kGlob,     // "pool_*_new"
        kCppName,  // "Foo::open", without parameters, as reports show it
        kGoName,   // "net/http.(*Client).Do", as Go's tracebacks show it, type arguments as "[...]"
    };

    std::string module;  // a glob on the file's name without folders; "": any
    std::string symbol;
    NameKind name_kind = NameKind::kSymbol;
    Role role = Role::kAcquire;
    uint64_t shape = 0;  // packed, see attach/call_shape.h
    // Of Go: in which word of the results or arguments the handle is, as the user says, from 1; 0: it is found out.
    unsigned go_word = 0;

    bool operator==(const PairFunction&) const = default;
};

struct Pair {
    std::string name;  // of its kind in reports: "pair:" + name
    std::vector<PairFunction> functions;
    bool is_ready_made = false;  // of the catalogue: some of its functions exist in some versions of the library only

    bool operator==(const Pair&) const = default;
};

}  // namespace whoholds
