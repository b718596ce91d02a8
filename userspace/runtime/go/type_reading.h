// One look at the heap of a Go process by type, and at who holds what. Used by the session at the attach and at reports; kept for as
// long as the process runs the same program, as type descriptors are read once.
// Invariant: rows add up to all that was allocated, but for `changed`, which says what was left out. Whatever could not be read
// truthfully or in time is a sentence in `problem`, and no rows; who waits for descriptors is told all the same.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/go/data_symbols.h"
#include "runtime/go/descriptor_holders.h"
#include "runtime/go/heap_scan.h"
#include "runtime/go/holders.h"
#include "runtime/go/variable_users.h"

namespace whoholds {

struct GoTypeHolders {
    std::string type;
    std::vector<GoHolder> ways;
};

struct GoTypeReading {
    std::vector<GoTypeRow> rows;
    std::vector<GoTypeHolders> holders;
    GoDescriptorHolders descriptors;
    uint64_t objects = 0;
    uint64_t bytes = 0;
    uint64_t changed_objects = 0;  // of spans that were swept meanwhile
    uint64_t changed_bytes = 0;
    std::optional<GoReached> reached;  // of all rows, whatever their type; where rows have it, too
    uint64_t read_bytes = 0;           // of the heap
    std::string main_module;           // whose packages are the user's own; "" when not known
    std::string problem;
};

class GoTypeReader {
public:
    // Whose holders are wanted, once it is known what there is: those of these types, and of descriptors.
    struct Wanted {
        std::vector<std::string> types;
        bool descriptors = false;
    };
    using Choose = std::function<Wanted(const std::vector<GoTypeRow>&)>;

    // What of the program's file is needed, which is read once; read() does so where nobody did.
    Result<void> prepare(const GoProcess& process, const GoOn& go_on);
    // Copies at most so much of the heap at a time.
    GoTypeReading read(const GoProcess& process, const Choose& choose, const GoOn& go_on,
                       uint64_t max_copy_bytes = GoHeapModel::kMaxContentBytes);

private:
    Result<GoTypeReading> try_read(const GoProcess& process, const Choose& choose, const GoOn& go_on,
                                   uint64_t max_copy_bytes);
    // Without the heap.
    Result<GoDescriptorHolders> read_waiters(const GoProcess& process, uint64_t max_copy_bytes);

    std::optional<GoTypes> types_;
    std::vector<GoTypedVariable> variables_;
    DataSymbols symbols_;
    GoVariableUsers variable_users_;
};

}  // namespace whoholds
