// The objects of a Go heap by type. Types come from what the runtime itself writes beside objects (headers since 1.22, interfaces), from
// what the program's code says of its variables, and from there along the fields that types declare. Used by the census by type and by the search for holders.
// Invariant: an object has a type only if something says so that fits the size of its slot; all others are counted as not known,
// and the sum of all rows is what is allocated.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/go/heap_model.h"
#include "runtime/go/roots.h"
#include "runtime/go/type_plan.h"
#include "runtime/go/types.h"
#include "runtime/go/variable_types.h"

namespace whoholds {

enum class GoObjectForm : uint8_t {
    kUnknown,
    kBeginning,     // begins with a value of the type; what the whole is is not known
    kText,          // bytes of a string
    kValue,         // one value
    kElements,      // the array of a slice
    kMap,           // the map itself; its type is that of all parts of it
    kMapGroups,     // its entries
    kMapTable,      // since 1.24
    kMapDirectory,  // of tables
    kMapExtra,      // until 1.23
    kChannel,       // the channel itself (type: of its elements)
    kChannelBuffer,
    kClosure,
    kGoroutine,  // the runtime's record of one
    kThread,     // ... of a thread
    kProcessor,  // ... of a processor (GOMAXPROCS)
};

constexpr bool is_part_of_go_map(GoObjectForm form) {
    return form >= GoObjectForm::kMap && form <= GoObjectForm::kMapExtra;
}

// What an object is.
struct GoObjectKind {
    GoObjectForm form = GoObjectForm::kUnknown;
    const GoType* type = nullptr;  // none for texts, closures and the runtime's records
    uint64_t code = 0;             // of a closure
    friend bool operator==(const GoObjectKind&, const GoObjectKind&) = default;
    template <class H>
    friend H AbslHashValue(H h, const GoObjectKind& kind) {
        return H::combine(std::move(h), kind.form, kind.type, kind.code);
    }
};

class GoHeapScan {
public:
    // All are kept by reference. kLimit when go_on() says that the time is over.
    static Result<GoHeapScan> scan(const GoProcess& process, const GoHeapModel& model, const GoRoots& roots,
                                   std::span<const GoTypedVariable> variables, GoTypes& types, const GoOn& go_on);

    [[nodiscard]] const GoObjectKind& kind(GoObject object) const { return kinds_[kind_of_[object.number]]; }
    [[nodiscard]] uint32_t kind_number(uint32_t object_number) const { return kind_of_[object_number]; }
    [[nodiscard]] const std::vector<GoObjectKind>& kinds() const { return kinds_; }
    // "*http.Transport", "[]uint8", "map[string]int", "main.main.func1 (closure)"; "" for what is not known.
    [[nodiscard]] const std::string& name(uint32_t kind_number) const { return names_[kind_number]; }
    // The import path of the package of its type, or of its elements' type; "" where it has none.
    [[nodiscard]] const std::string& package(uint32_t kind_number) const { return packages_[kind_number]; }

    // Of a variable that something of known type leads to: the largest one that this address lies in; nullptr: none is known.
    [[nodiscard]] const GoType* variable_type(uint64_t address) const;

private:
    friend class GoTypeFinder;
    std::vector<uint32_t> kind_of_;  // by number of the object
    std::vector<GoObjectKind> kinds_;
    std::vector<std::string> names_;                             // of kinds_
    std::vector<std::string> packages_;                          // of kinds_
    std::vector<std::pair<uint64_t, const GoType*>> variables_;  // by address
};

// Of the main package or of the main module ("": it is not known).
bool is_go_users_package(std::string_view package, std::string_view main_module);

// Of what is allocated, what variables and goroutines lead to: the rest is garbage.
struct GoReached {
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t whole_bytes = 0;  // with what they lead to, see GoHolders::reached()
};

struct GoTypeRow {
    std::string name;
    std::string package;  // import path, of a value or values of a named type; "" of all others
    bool is_known = true;
    uint64_t count = 0;
    uint64_t bytes = 0;                // of their slots
    std::optional<GoReached> reached;  // where that was asked for, of known types
};

// By name; the largest first. What has no type is one row for each size of slot.
std::vector<GoTypeRow> go_type_rows(const GoHeapModel& model, const GoHeapScan& scan);

}  // namespace whoholds
