// What a value of a Go type points to: for each pointer in it, where it is and what it leads to. Used by the scan of a heap by
// type, which applies a plan to every object of a type.
// Invariant: a plan is bounded, however types are nested; what is beyond the bound is left out, never misread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/go/types.h"

namespace whoholds {

enum class GoPointerKind : uint8_t {
    kPointer,    // to one value of `target`
    kSlice,      // to an array of it: pointer, length, capacity
    kString,     // to bytes: pointer, length
    kInterface,  // of what its first word says: type or itab, then pointer
    kMap,        // target: the map's type
    kChannel,    // target: the channel's type
    kFunction,   // to a closure
    kUntyped,    // unsafe.Pointer
    kRepeat,     // `count` values of `target`, one behind the other
};

struct GoPointerSpot {
    uint32_t offset = 0;  // in bytes
    GoPointerKind kind = GoPointerKind::kUntyped;
    uint32_t count = 0;
    const GoType* target = nullptr;
};

struct GoTypePlan {
    std::vector<GoPointerSpot> spots;
    bool is_cut = false;  // there are more
};

class GoTypePlans {
public:
    explicit GoTypePlans(GoTypes& types) : types_(types) {}
    // The reference stays good.
    const GoTypePlan& of(const GoType& type);

private:
    void add(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan);
    void add_array(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan);
    void add_struct(const GoType& type, uint64_t offset, int depth, GoTypePlan& plan);

    GoTypes& types_;
    int steps_left_ = 0;
    absl::flat_hash_map<const GoType*, std::unique_ptr<GoTypePlan>> plans_;
    const GoType* last_type_ = nullptr;  // objects of one type often lie side by side
    const GoTypePlan* last_ = nullptr;
};

}  // namespace whoholds
