// Any bytes as what is read of a V8 process: tables of positions, the words of a stack, and the heap that they point into.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "analyze/v8_frame.h"
#include "runtime/v8/position_table.h"
#include "runtime/v8/v8_frames.h"

using namespace whoholds;

namespace {

constexpr uint64_t kBase = 0x1000;

void try_tables(std::span<const uint8_t> bytes) {
    if (const auto positions = v8_positions(bytes)) {
        V8Position before{.code = -1};
        for (const V8Position& one : *positions) {
            if (one.code < before.code) std::abort();
            before = one;
        }
        (void)v8_position_at(*positions, 100);
    }
    const size_t third = bytes.size() / 3;
    const auto compiled = v8_compiled(bytes.first(third), bytes.subspan(third, third), bytes.last(third));
    if (compiled) (void)v8_bytecode_of(*compiled, 100);
}

}  // namespace

// The first 256 bytes are a stack; all of them the heap.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> bytes(data, size);
    try_tables(bytes);
    V8Layout layout = *v8_layout(size % 2 == 0 ? 11 : 13, size % 2 == 0 ? 3 : 6);
    uint16_t number = 128;
    for (uint16_t* type : {&layout.types.function, &layout.types.shared, &layout.types.scope, &layout.types.script,
                           &layout.types.bytecodes, &layout.types.code, &layout.types.bytes})
        *type = number++;
    V8Heap heap(
        [&](uint64_t address, std::span<uint8_t> buffer) -> Result<void> {
            if (address < kBase || address - kBase > size || buffer.size() > size - (address - kBase))
                return Error{ErrorCode::kSystem, "not mapped"};
            std::memcpy(buffer.data(), data + (address - kBase), buffer.size());
            return {};
        },
        layout);
    std::vector<uint64_t> words(std::min<size_t>(size, 256) / 8);
    if (!words.empty()) std::memcpy(words.data(), data, words.size() * 8);
    (void)without_v8_words(words);
    V8Frames frames(heap, {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(std::min<size_t>(size, 30))});
    frames.set_own_code({{0x4000, 0x8000}});
    if (const auto resolved = frames.resolve(words, 1))
        for (const uint64_t word : *resolved)
            if (is_v8_word(word)) (void)v8_frame(word, frames);
    // As if the words were objects of the right identity.
    for (const uint64_t word : words) {
        (void)read_v8_function(heap, WH_FRAME_V8_VALUE(word));
        if (auto code = read_v8_code(heap, WH_FRAME_V8_VALUE(word), bytes.first(std::min<size_t>(size, 30))))
            (void)v8_call_position(*code, code->start + code->size / 2);
    }
    return 0;
}
