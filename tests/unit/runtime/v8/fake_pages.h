// Pages of a heap of V8 11.3 (Node 20), and other memory that points into them, for tests of the census.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <vector>

#include "bpf/shared/js_heap.h"
#include "runtime/v8/heap_census.h"

namespace whoholds {

inline V8Constants shapes_of_node_20() {
    return {{"type_Map__MAP_TYPE", 255},
            {"class_JSArrayBuffer__backing_store__uintptr_t", 48},
            {"type_JSFunction__JS_FUNCTION_TYPE", 2066},
            {"class_JSFunction__shared__SharedFunctionInfo", 24},
            {"class_JSFunction__context__Context", 32},
            {"type_FixedArray__FIXED_ARRAY_TYPE", 175},
            {"type_ByteArray__BYTE_ARRAY_TYPE", 190},
            {"FirstContextType", 205},
            {"LastContextType", 214},
            {"type_HeapNumber__HEAP_NUMBER_TYPE", 130},
            {"type_WeakFixedArray__WEAK_FIXED_ARRAY_TYPE", 240},
            {"type_FeedbackVector__FEEDBACK_VECTOR_TYPE", 249},
            {"type_FreeSpace__FREE_SPACE_TYPE", 251},
            {"type_FixedDoubleArray__FIXED_DOUBLE_ARRAY_TYPE", 192},
            {"type_Foreign__FOREIGN_TYPE", 204},
            {"type_ScopeInfo__SCOPE_INFO_TYPE", 261},
            {"type_PreparseData__PREPARSE_DATA_TYPE", 258},
            {"type_CoverageInfo__COVERAGE_INFO_TYPE", 246},
            {"type_BytecodeArray__BYTECODE_ARRAY_TYPE", 191},
            {"type_PropertyArray__PROPERTY_ARRAY_TYPE", 259},
            {"type_WeakArrayList__WEAK_ARRAY_LIST_TYPE", 274},
            {"type_EmbedderDataArray__EMBEDDER_DATA_ARRAY_TYPE", 247},
            {"type_DescriptorArray__DESCRIPTOR_ARRAY_TYPE", 236},
            {"type_StrongDescriptorArray__STRONG_DESCRIPTOR_ARRAY_TYPE", 237},
            {"type_InstructionStream__INSTRUCTION_STREAM_TYPE", 252},
            {"type_JSWeakRef__JS_WEAK_REF_TYPE", 2151},
            {"type_WeakCell__WEAK_CELL_TYPE", 275},
            {"type_JSArrayBuffer__JS_ARRAY_BUFFER_TYPE", 2062}};
}

class FakePages {
public:
    static constexpr uint16_t kObject = 1057;
    static constexpr uint16_t kArray = 175;
    static constexpr uint16_t kFunction = 2066;
    static constexpr uint16_t kEphemerons = 177;
    static constexpr uint16_t kWeakRef = 2151;
    static constexpr uint16_t kArrayBuffer = 2062;
    static constexpr uint16_t kStrangeType = 276;
    static constexpr uint64_t kOld = 0;
    static constexpr uint64_t kPageBytes = 0x40000;
    static constexpr uint64_t kBase = 0x10000000;
    static constexpr uint64_t kRoots = 0x7000'0000;

    FakePages() : memory_(4 * kPageBytes), roots_(4096) {
        for (size_t i = 0; i < 3; i++) make_page(i, i == 2 ? WH_JS_TO_PAGE : kOld);
        meta_map_ = take(0, 80);
        put(meta_map_, meta_map_ | 1);
        put(meta_map_ + 8, uint64_t{255} << 32 | 10);
    }

    void make_page(size_t number, uint64_t flags, uint64_t pages = 1) {
        const uint64_t base = kBase + number * kPageBytes;
        put(base, pages * kPageBytes);
        put(base + 8, flags);
        put(base + 16, uint64_t{0x5000});
        put(base + 24, base + 4424);
        put(base + 32, base + pages * kPageBytes);
        next_[number] = base + 4424;
    }
    void put(uint64_t address, uint64_t word) { std::memcpy(memory_.data() + (address - kBase), &word, sizeof word); }
    void put_root(size_t index, uint64_t word) { roots_[index] = word; }
    uint64_t take(size_t page, uint64_t bytes) {
        const uint64_t at = next_[page];
        next_[page] += (bytes + 7) & ~uint64_t{7};
        return at;
    }
    uint64_t make_map(uint16_t type, uint64_t size_bytes) {
        const uint64_t map = take(0, 80);
        put(map, meta_map_ | 1);
        put(map + 8, uint64_t{type} << 32 | size_bytes / 8);
        return map;
    }
    uint64_t make(uint16_t type, uint64_t size_bytes, size_t page = 1) {
        const uint64_t map = make_map(type, size_bytes);
        const uint64_t object = take(page, size_bytes);
        put(object, map | 1);
        return object;
    }
    uint64_t make_array(uint16_t type, std::span<const uint64_t> words, size_t page = 1) {
        const uint64_t map = make_map(type, 0);
        const uint64_t array = take(page, 16 + 8 * words.size());
        put(array, map | 1);
        put(array + 8, uint64_t{words.size()} << 32);
        for (size_t i = 0; i < words.size(); i++) put(array + 16 + 8 * i, words[i]);
        return array;
    }
    void make_handles(size_t index) {
        for (size_t i = 0; i < 256; i++) roots_[index + 4 * i + 1] = i << 16;
    }
    void put_handle(size_t index, size_t handle, uint64_t word, uint64_t state) {
        roots_[index + 4 * handle] = word;
        roots_[index + 4 * handle + 1] |= state << 24;
    }

    [[nodiscard]] V8Read read() {
        return [this](uint64_t address, std::span<uint8_t> buffer) -> Result<void> {
            const auto from = [&](uint64_t base, std::span<const uint8_t> bytes) {
                if (address < base || address - base > bytes.size() || buffer.size() > bytes.size() - (address - base))
                    return false;
                std::memcpy(buffer.data(), bytes.data() + (address - base), buffer.size());
                return true;
            };
            const std::span<const uint8_t> roots(reinterpret_cast<const uint8_t*>(roots_.data()), 8 * roots_.size());
            if (from(kBase, memory_) || from(kRoots, roots)) return {};
            return Error{ErrorCode::kSystem, "not mapped"};
        };
    }
    [[nodiscard]] std::vector<Mapping> mappings() const {
        return {{.start = kBase, .end = kBase + memory_.size(), .readable = true, .writable = true}};
    }
    [[nodiscard]] std::vector<ByteRange> roots() const { return {{kRoots, kRoots + 8 * roots_.size()}}; }

private:
    std::vector<uint8_t> memory_;
    std::vector<uint64_t> roots_;
    std::map<size_t, uint64_t> next_;
    uint64_t meta_map_ = 0;
};

}  // namespace whoholds
