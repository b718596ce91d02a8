// Which functions keep objects alive on the heaps of V8: those that were made while the program ran, with the variables around them (closures), if
// these lead to the object. Found backwards from the objects along what a census has marked. Part of V8Census. Pure.
//
// What may be missed: ways that are longer than some steps, that lead through what a great many refer to, or through the rest of an array of
// which only the beginning was copied.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "runtime/v8/heap_pages.h"
#include "runtime/v8/object_shapes.h"

namespace whoholds {

class V8Keepers {
public:
    static constexpr size_t kMostObjects = 64;

    using FactsOf = std::function<V8MapFacts(V8Page& page, uint64_t object)>;
    using GoOn = std::function<bool()>;
    struct Function {
        uint64_t address = 0;
        uint64_t shared = 0;  // its SharedFunctionInfo: the same for all that one place of the program makes
    };
    // Whether a function is one that is asked for of an object: a number in `objects`.
    using Accept = std::function<bool(size_t object, const Function& function)>;

    V8Keepers(V8Pages& pages, const V8Shapes& shapes, FactsOf facts_of, GoOn go_on)
        : pages_(pages), shapes_(shapes), facts_of_(std::move(facts_of)), go_on_(std::move(go_on)) {}

    // Asks, from the nearest one on outwards, until one is accepted of each object. Looks at the first kMostObjects.
    void find(std::span<const uint64_t> objects, const Accept& accept);

private:
    using Objects = uint64_t;  // a set of their numbers
    struct Edge {
        uint64_t child = 0;
        uint64_t parent = 0;
        uint64_t at = 0;  // of the field
    };
    struct Around {  // the object that was found last
        uint64_t object = 0;
        uint64_t end = 0;  // of what is a way to others; 0: it is none
    };

    bool find_pointers();
    bool collect(std::vector<Edge>& edges);
    [[nodiscard]] std::optional<uint64_t> object_around(V8Page& page, uint64_t address);
    void step(const std::vector<Edge>& edges, const Accept& accept);
    void ask(uint64_t function, Objects objects, const Accept& accept);

    V8Pages& pages_;
    const V8Shapes& shapes_;
    FactsOf facts_of_;
    GoOn go_on_;
    std::vector<std::pair<V8Page*, std::vector<uint32_t>>> pointers_;  // to objects, by index of the word
    absl::flat_hash_map<uint64_t, Objects> edge_of_search_;            // whose parents are looked for
    absl::flat_hash_map<uint64_t, Objects> seen_;
    std::vector<uint64_t> filter_;  // bits, by a hash of what is looked for
    Around around_;
    Objects open_ = 0;
};

}  // namespace whoholds
