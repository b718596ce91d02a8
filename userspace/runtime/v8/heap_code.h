// The functions of V8 that a heap's allocations and collections pass through, in the file that holds V8, and where V8 has what our
// probes read. Used by JsSampling. Pure: from the file alone.
// Invariant: offsets are those of one row of the table whose every number the code itself uses; nothing is guessed by version.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/shared/js_heap.h"
#include "elf/elf_image.h"

namespace whoholds {

enum class V8HeapEvent : uint8_t {
    kPageAdded,
    kScavengeBegins,
    kScavengeEnds,
    kMarkingEnds,
    kEvacuationEnds,
    kHeapEnds,
};

struct V8HeapSite {
    V8HeapEvent event = V8HeapEvent::kPageAdded;
    std::string function;  // as its symbol says
    uint64_t offset = 0;   // of the probe, in the file
    bool emulated = false;
};

struct V8HeapCode {
    const char* version = "";  // "11.3": that of the row; others are laid out alike
    wh_js_layout layout{};
    std::vector<V8HeapSite> sites;  // those that follow samples before the one that takes them
};

// kUnsupported: a V8 whose heap cannot be followed, and why.
Result<V8HeapCode> read_v8_heap_code(const ElfImage& image);

}  // namespace whoholds
