// The pages of V8's heaps in one process, found by what their headers say, and copied when something in them is asked for. Part of
// V8Census.
// Invariant: untrusted: a page's parts lie inside of it, and no more is copied than what was allowed.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "proc/process.h"
#include "proc/resident_ranges.h"
#include "runtime/v8/object_shapes.h"

namespace whoholds {

using V8Read = std::function<Result<void>(uint64_t address, std::span<uint8_t> buffer)>;

struct V8Page {
    uint64_t base = 0;
    uint64_t size_bytes = 0;
    uint64_t start = 0;  // of its objects
    uint64_t end = 0;
    uint64_t flags = 0;
    uint64_t heap = 0;
    std::vector<uint64_t> words;   // all of it; of a large page the beginning
    std::vector<uint64_t> marked;  // bits, by word

    [[nodiscard]] bool is_large() const;
    [[nodiscard]] bool is_young() const;
    [[nodiscard]] bool holds(uint64_t object) const { return object >= start && object < end && object % 8 == 0; }
    [[nodiscard]] bool is_marked(uint64_t object) const;
    bool mark(uint64_t object);  // false: it was
};

class V8Pages {
public:
    V8Pages(V8Read read, const V8CensusLayout& layout, uint64_t most_bytes)
        : read_(std::move(read)), layout_(layout), most_bytes_(most_bytes) {}

    // All that are mapped now.
    Result<void> find(const std::vector<Mapping>& mappings);
    // Pages of new space become memory like any other, of which nothing is known.
    void leave_out_young();

    // The page with the object, copied; nullptr: there is none.
    V8Page* with(uint64_t object, bool may_be_new = true);
    [[nodiscard]] const V8Page* known_with(uint64_t object) const;
    [[nodiscard]] const V8Page* copied_with(uint64_t object) const;
    // All of them, as they are now: large pages beyond some size by their beginning. What is asked for later is read then.
    Result<void> copy_all();
    // Once more, as it is now.
    Result<void> copy(V8Page& page);
    [[nodiscard]] bool is_full() const { return is_full_; }

    // Of the process: the word at this address of the page; nullopt: out of it, or gone.
    std::optional<uint64_t> word(const V8Page& page, uint64_t address);
    Result<void> read(uint64_t address, std::span<uint8_t> buffer) const { return read_(address, buffer); }

    // Of those that were copied, in no order.
    void for_each(const std::function<void(V8Page& page)>& look);
    // In order, without those left out.
    [[nodiscard]] std::vector<ByteRange> ranges() const;
    [[nodiscard]] uint64_t copied_bytes() const { return copied_bytes_; }
    [[nodiscard]] size_t count() const { return pages_.size(); }

private:
    std::optional<V8Page> page_at(uint64_t base) const;
    V8Page* new_page(uint64_t base);

    V8Read read_;
    V8CensusLayout layout_;
    uint64_t most_bytes_;
    uint64_t copied_bytes_ = 0;
    bool is_full_ = false;
    bool without_young_ = false;
    absl::flat_hash_map<uint64_t, std::unique_ptr<V8Page>> pages_;  // by base; nullptr: none
    absl::flat_hash_map<uint64_t, size_t> heaps_;                   // how many pages
    uint64_t last_base_ = 1;
    V8Page* last_ = nullptr;
};

}  // namespace whoholds
