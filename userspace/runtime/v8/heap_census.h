// V8Census: what is alive on the heaps of V8 in one process, found by marking from outside, while the program runs on: from all words of
// its other memory that may point to an object (stacks, handles, the isolate), along the fields of objects. Used by JsSampling. Pure: memory is read
// through a function.
//
// What may be wrong: an object counts as alive though it is dead if an old word still points to it; it may be missed if the program moved the only
// pointer to it while the pages were copied (a timer that is set again, with all that its function keeps). So who uses this believes that something is dead only if several censuses say so.
// Invariant: handles that V8 holds weakly, ephemerons and weak fields keep nothing. With collections in between the result means
// nothing: who uses it compares their counts before and after.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "proc/resident_ranges.h"
#include "runtime/v8/heap_keepers.h"
#include "runtime/v8/heap_pages.h"
#include "runtime/v8/object_shapes.h"

namespace whoholds {

class V8Census {
public:
    struct Numbers {
        uint64_t objects = 0;
        uint64_t unknown = 0;  // of a shape that is not known
        uint64_t torn = 0;     // fields that lead to no object
        uint64_t root_words = 0;
        uint64_t strong_handles = 0;
        uint64_t weak_handles = 0;
        uint64_t scanned_bytes = 0;  // of memory outside of the heaps
    };
    using GoOn = std::function<bool()>;  // asked every millisecond or so

    V8Census(V8Pages& pages, const V8Shapes& shapes, GoOn go_on)
        : pages_(pages), shapes_(shapes), go_on_(std::move(go_on)) {}

    // roots: memory outside of the pages. kLimit: it was ended by go_on() or is larger than allowed; kUnsupported: too much is unknown.
    Result<void> run(const std::vector<ByteRange>& roots);

    // nullopt: where it lies is not known.
    [[nodiscard]] std::optional<bool> is_alive(uint64_t object) const;
    // Which functions keep objects, see heap_keepers.h. After run().
    void find_keepers(std::span<const uint64_t> objects, const V8Keepers::Accept& accept);
    // Blocks of native memory that array buffers have which are alive: contents, and what V8 keeps of each.
    [[nodiscard]] absl::flat_hash_set<uint64_t> buffer_blocks() const;
    [[nodiscard]] const Numbers& numbers() const { return numbers_; }

private:
    struct Pair {
        uint64_t key = 0;
        uint64_t value = 0;
    };
    struct Buffer {
        uint64_t contents = 0;
        uint64_t extension = 0;
    };

    Result<void> scan(ByteRange range);
    size_t scan_handles(std::span<const uint64_t> words);
    void scan_word(uint64_t word);
    const V8MapFacts& facts_of(uint64_t map_word);
    [[nodiscard]] std::optional<std::pair<uint64_t, uint64_t>> first_words(uint64_t pointer) const;
    [[nodiscard]] std::optional<std::pair<uint64_t, uint64_t>> map_words(uint64_t map_word);
    void reach(uint64_t word, bool is_certain);
    void follow(uint64_t object);
    void follow_words(V8Page& page, uint64_t from, uint64_t until);
    void follow_known(V8Page& page, uint64_t object, const V8MapFacts& facts);
    void note_ephemerons(V8Page& page, uint64_t object);
    [[nodiscard]] uint64_t count_of(V8Page& page, uint64_t object);
    Result<void> drain();
    Result<void> drain_ephemerons();
    [[nodiscard]] bool is_key_alive(uint64_t key);
    [[nodiscard]] Result<void> check() const;

    V8Pages& pages_;
    const V8Shapes& shapes_;
    GoOn go_on_;
    absl::flat_hash_map<uint64_t, V8MapFacts> maps_;  // by the first word of their objects; kUnknown and type 0: no map
    uint64_t map_of_maps_ = 0;
    uint64_t last_map_ = 0;
    const V8MapFacts* last_facts_ = nullptr;
    std::vector<uint64_t> waiting_;
    std::vector<Pair> ephemerons_;
    std::vector<Buffer> buffers_;
    uint64_t copied_again_ = 0;
    Numbers numbers_;
};

}  // namespace whoholds
