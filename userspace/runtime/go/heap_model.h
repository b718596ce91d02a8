// A Go heap as it was read at one time: every object that is allocated, with the contents of those that have pointers. Used by
// the scan by type and the search for holders, which follow pointers in it without asking the process again.
// Invariant: an object and its contents are from the same time between two sweeps of its span, so that no slot was given to
// another object in between; spans of which that cannot be said are left out and counted as `changed`. Within one collection no
// object is freed, and so a pointer of an object that lives leads to what it always led to.
// All limits are of what is read, whatever the process says of itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "runtime/go/spans.h"

namespace whoholds {

// Called every few milliseconds of work; false: the time is over.
using GoOn = std::function<bool()>;

constexpr uint32_t kNoGoSpan = UINT32_MAX;

struct GoObject {
    uint32_t span = kNoGoSpan;  // position in GoHeapModel::spans()
    uint32_t number = 0;        // of all elements of the heap, free ones included
    friend bool operator==(const GoObject&, const GoObject&) = default;
    [[nodiscard]] bool exists() const { return span != kNoGoSpan; }
};

struct alignas(64) GoModelSpan {  // all of it is in one line of the cache, as it is looked up for each pointer
    uint64_t start = 0;
    uint64_t page_bytes = 0;
    uint64_t element_bytes = 0;
    uint64_t content = 0;       // where its bytes begin in the model; of those with pointers
    uint64_t large_type = 0;    // address of a descriptor
    uint32_t reciprocal = 0;    // of element_bytes, to divide by
    uint32_t first_number = 0;  // of its first object
    uint16_t element_count = 0;
    bool has_pointers = false;
    bool has_headers = false;  // each object begins with the address of its type's descriptor
    bool is_swept = false;     // else objects that nothing holds any more still count as allocated
    bool is_tiny = false;      // slots of 16 bytes that small values without pointers share
};

class GoHeapModel {
public:
    static constexpr uint64_t kMaxContentBytes = uint64_t{1} << 30;
    static constexpr uint64_t kMaxElements = uint64_t{1} << 26;
    static constexpr uint64_t kMaxPages = uint64_t{1} << 25;  // 256 GiB

    // kLimit when more than max_content_bytes would have to be copied, or when it is too busy to be read truthfully; the message is
    // a sentence.
    static Result<GoHeapModel> read(const GoProcess& process, uint64_t max_content_bytes, const GoOn& go_on);

    [[nodiscard]] std::span<const GoModelSpan> spans() const { return spans_; }
    [[nodiscard]] uint64_t element_count() const { return allocated_.size(); }
    [[nodiscard]] bool is_allocated(uint32_t number) const { return allocated_[number] != 0; }
    // The object that an address lies in; not every address must be of its beginning.
    [[nodiscard]] GoObject find(uint64_t address) const;
    [[nodiscard]] GoObject object(uint32_t number) const;
    // Where its value begins: behind the header, if it has one.
    [[nodiscard]] uint64_t start(GoObject object) const;
    [[nodiscard]] uint64_t value_bytes(GoObject object) const;
    // Its value; empty for objects without pointers.
    [[nodiscard]] std::span<const uint64_t> words(GoObject object) const;
    [[nodiscard]] uint64_t header(GoObject object) const;  // 0: it has none

    [[nodiscard]] uint64_t object_count() const { return object_count_; }
    [[nodiscard]] uint64_t object_bytes() const { return object_bytes_; }  // with what rounding up costs
    [[nodiscard]] uint64_t read_bytes() const { return read_bytes_; }
    [[nodiscard]] uint64_t changed_objects() const { return changed_objects_; }
    [[nodiscard]] uint64_t changed_bytes() const { return changed_bytes_; }

private:
    static constexpr uint64_t kArenaBytes = uint64_t{64} << 20;
    static constexpr uint64_t kArenaPages = kArenaBytes / kGoPageBytes;
    static constexpr uint64_t kHeaderBytes = 8;

    Result<void> read_once(const GoProcess& process, const GoSpans& before, uint64_t max_content_bytes,
                           const GoOn& go_on);
    Result<void> read_contents(const GoProcess& process, std::span<const GoSpan> spans, const GoOn& go_on);
    void index_pages();

    std::vector<GoModelSpan> spans_;  // by address
    std::vector<uint8_t> allocated_;  // by number of the object
    std::unique_ptr<uint64_t[]> contents_;
    uint64_t content_bytes_ = 0;
    uint64_t first_arena_ = 0;
    std::vector<uint32_t> arenas_;  // where the pages of each begin in pages_
    std::vector<uint32_t> pages_;   // span of each page
    uint64_t object_count_ = 0;
    uint64_t object_bytes_ = 0;
    uint64_t read_bytes_ = 0;
    uint64_t changed_objects_ = 0;
    uint64_t changed_bytes_ = 0;
};

// Asked for each pointer of a heap: worth being inlined.
inline GoObject GoHeapModel::find(uint64_t address) const {
    const uint64_t arena = address / kArenaBytes - first_arena_;
    if (arena >= arenas_.size() || arenas_[arena] == kNoGoSpan) return {};
    const uint32_t number = pages_[arenas_[arena] + address / kGoPageBytes % kArenaPages];
    if (number == kNoGoSpan) return {};
    const GoModelSpan& span = spans_[number];
    const uint64_t element = span.reciprocal == 0 ? 0 : (address - span.start) * span.reciprocal >> 32;
    if (element >= span.element_count) return {};
    const auto object = static_cast<uint32_t>(span.first_number + element);
    return allocated_[object] != 0 ? GoObject{number, object} : GoObject{};
}

inline uint64_t GoHeapModel::start(GoObject object) const {
    const GoModelSpan& span = spans_[object.span];
    return span.start + (object.number - span.first_number) * span.element_bytes +
           (span.has_headers ? kHeaderBytes : 0);
}

inline uint64_t GoHeapModel::value_bytes(GoObject object) const {
    const GoModelSpan& span = spans_[object.span];
    return span.element_bytes - (span.has_headers ? kHeaderBytes : 0);
}

inline std::span<const uint64_t> GoHeapModel::words(GoObject object) const {
    const GoModelSpan& span = spans_[object.span];
    if (!span.has_pointers) return {};
    return {contents_.get() + (span.content + (start(object) - span.start)) / 8, value_bytes(object) / 8};
}

// The size of the slot that an object of so many bytes gets (the runtime's size classes).
uint64_t go_slot_bytes(uint64_t bytes);

}  // namespace whoholds
