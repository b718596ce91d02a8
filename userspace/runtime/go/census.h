// What a Go heap holds by size of object, from the runtime's records of its spans: exact, for every Go program, without a probe.
// "Alive" is what the last collection has marked, before the first one all that was allocated; what was allocated since may be garbage or not, and is counted apart.
// Used by reports of programs without a heap profile, and by all for growth. count_go_census() is pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "runtime/go/go_process.h"
#include "runtime/go/samples.h"
#include "runtime/go/spans.h"

namespace whoholds {

constexpr size_t kGoSizeClasses = 68;  // of Go 1.16 to 1.27; the first one is that of large objects

struct GoObjects {
    uint64_t count = 0;
    uint64_t bytes = 0;
    friend bool operator==(const GoObjects&, const GoObjects&) = default;
};

struct GoSizeClass {
    GoSize size;
    uint64_t spans = 0;
    uint64_t span_bytes = 0;
    GoObjects alive;
    GoObjects since;  // allocated since the last collection
};

// What the runtime has counted since the program started, by size: what was freed as of the last collection.
struct GoAllocations {
    struct Class {
        uint64_t element_bytes = 0;  // 0: large
        GoObjects allocated;
        GoObjects freed;
    };
    std::vector<Class> classes;
    [[nodiscard]] GoObjects freed() const;
    [[nodiscard]] const Class* find(uint64_t element_bytes) const;
};

struct GoCensus {
    std::vector<GoSizeClass> classes;  // by size
    GoObjects alive;
    GoObjects since;
    uint64_t span_bytes = 0;
    GoObjects garbage;           // that the last collection has found and not given back yet
    uint64_t unswept_spans = 0;  // counted with their garbage: what the last collection found in them is not known
    uint64_t torn_spans = 0;     // changed while they were read, not counted
    std::optional<GoAllocations> allocations;  // none: the runtime's counters do not fit what the spans hold
};

// count_marked(position of a span among those in use): how many of its elements the last collection has found alive; nullopt: not
// known yet.
GoCensus count_go_census(const GoSpans& spans, const std::function<std::optional<uint32_t>(size_t)>& count_marked);
// Whether the runtime's counters are those that we take them for: what they say was allocated and not freed is about what there is.
bool are_plausible(const GoAllocations& allocations, const GoCensus& census);

Result<GoAllocations> read_go_allocations(const GoProcess& process);
Result<GoCensus> read_go_census(const GoProcess& process);

}  // namespace whoholds
