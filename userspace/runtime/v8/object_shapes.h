// Which words of an object on a heap of V8 keep other objects alive, by the type that its map says. Used by V8Census.
// Invariant: what has no row is a plain object if its map says how large it is, and of unknown shape otherwise; nothing is guessed.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "runtime/v8/layout.h"

namespace whoholds {

enum class V8Form : uint8_t {
    kUnknown,
    kRaw,          // keeps nothing, or only what is not counted (strings of scopes)
    kNoObject,     // room that is free
    kFields,       // all words up to the size that the map says
    kCounted,      // a number of words, said in the second word, from the third on
    kCountedWeak,  // ... from the fourth on
    kProperties,   // ... of which the lowest bits of the second word say how many
    kDescriptors,  // three words each
    kFeedback,
    kBytecodes,
    kCodeStream,  // keeps by its first field; what instructions refer to, optimized code keeps weakly
    kCons,        // of strings
    kSlice,
    kEphemerons,  // a value lives as long as its key
    kWeakRef,
    kWeakCell,
    kArrayBuffer,
};

struct V8MapFacts {
    uint16_t type = 0;
    uint16_t size_bytes = 0;  // of an object; 0: each has its own
    V8Form form = V8Form::kUnknown;
};

// Where a page says what it is, in bytes from its beginning; and where objects of some types have what is read of them.
struct V8CensusLayout {
    uint16_t page_size = 0;
    uint16_t page_flags = 8;
    uint16_t page_heap = 16;
    uint16_t page_area_start = 24;
    uint16_t page_area_end = 32;
    uint16_t buffer_contents = 0;
    uint16_t function_shared = 0;
    uint16_t function_context = 0;
    uint16_t weak_ref_target = 24;
    uint16_t feedback_header = 48;
};

class V8Shapes {
public:
    // kUnsupported: a version whose objects' shapes are not known, or a file that does not tell its types.
    static Result<V8Shapes> open(const V8Layout& layout, const V8Constants& constants);

    [[nodiscard]] V8Form form(uint16_t type, uint16_t size_bytes) const;
    [[nodiscard]] uint16_t map_type() const { return map_type_; }
    [[nodiscard]] uint16_t function_type() const { return function_type_; }
    [[nodiscard]] const V8CensusLayout& layout() const { return layout_; }

private:
    static constexpr size_t kMostTypes = 4096;

    V8CensusLayout layout_;
    uint16_t map_type_ = 0;
    uint16_t function_type_ = 0;              // of those that are no classes
    std::array<V8Form, kMostTypes> forms_{};  // kUnknown: as the map's size says
};

}  // namespace whoholds
