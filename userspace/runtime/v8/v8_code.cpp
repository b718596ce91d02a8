#include "runtime/v8/v8_code.h"

#include <algorithm>
#include <cstring>

#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr uint32_t kKindMask = 0xf;  // CodeKindField
constexpr uint32_t kMaxCode = 8 << 20;
constexpr size_t kMaxInlined = 4096;
constexpr size_t kMaxBytecodes = 4 << 20;

Result<void> read_compiled(const V8Heap& heap, uint64_t code, std::span<const uint8_t> sizes, V8Code& read) {
    const V8Layout& layout = heap.layout();
    WH_TRY(const auto data, heap.word(code + layout.code_data));
    WH_TRY(auto bytecodes, heap.object(data));
    WH_TRY(const auto type, heap.type(bytecodes));
    if (type == layout.types.interpreter_data && type != 0) {
        WH_TRY(bytecodes, heap.object_at(bytecodes + 8, layout.types.bytecodes));
    } else if (type != layout.types.bytecodes) {
        return no_v8_object();
    }
    WH_TRY(const auto length, heap.word(bytecodes + 8));
    if (!is_v8_number(length) || length >> 32 > kMaxBytecodes) return no_v8_object();
    WH_TRY(const auto bytes, heap.bytes(bytecodes + layout.bytecode_data, length >> 32));
    WH_TRY(const auto table_at, heap.word(code + layout.code_positions()));
    WH_TRY(const auto table, heap.byte_array(table_at));
    auto compiled = v8_compiled(table, bytes, sizes);
    if (!compiled) return no_v8_object();
    read.compiled = *std::move(compiled);
    return {};
}

// Arrays of all sorts have a length and their words behind it.
Result<std::vector<uint64_t>> words_of(const V8Heap& heap, uint64_t pointer, size_t most) {
    WH_TRY(const auto array, heap.object(pointer));
    WH_TRY(const auto length, heap.word(array + 8));
    if (!is_v8_number(length) || v8_number(length) < 0) return no_v8_object();
    std::vector<uint64_t> words(std::min<size_t>(length >> 32, most));
    WH_TRY(const auto bytes, heap.bytes(array + 16, words.size() * 8));
    if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
    return words;
}

Result<void> read_inlined(const V8Heap& heap, uint64_t code, V8Code& read) {
    constexpr size_t kInlinedFunctions = 1;
    constexpr size_t kBytesACall = 16;
    const V8Layout& layout = heap.layout();
    WH_TRY(const auto data_at, heap.word(code + layout.code_data));
    WH_TRY(const auto data, words_of(heap, data_at, layout.inlined_positions + 1U));
    if (data.size() <= layout.inlined_positions || !is_v8_number(data[kInlinedFunctions])) return no_v8_object();
    const int32_t count = v8_number(data[kInlinedFunctions]);
    if (count <= 0) return {};
    WH_TRY(const auto literals,
           words_of(heap, data[layout.inlined_literals], std::min<size_t>(static_cast<uint32_t>(count), kMaxInlined)));
    WH_TRY(const auto calls, heap.byte_array(data[layout.inlined_positions]));
    for (const uint64_t literal : literals) {
        const auto function = heap.object(literal);
        read.functions.push_back(function ? *function : 0);
    }
    for (size_t at = 0; at + kBytesACall <= calls.size() && read.inlined.size() < kMaxInlined; at += kBytesACall) {
        uint64_t position = 0;
        V8InlinedCall call;
        std::memcpy(&position, calls.data() + at, sizeof position);
        std::memcpy(&call.function, calls.data() + at + sizeof position, sizeof call.function);
        call.position = v8_position(position);
        read.inlined.push_back(call);
    }
    return {};
}

Result<void> read_optimized(const V8Heap& heap, uint64_t code, V8Code& read) {
    WH_TRY(const auto table_at, heap.word(code + heap.layout().code_positions()));
    WH_TRY(const auto table, heap.byte_array(table_at));
    auto positions = v8_positions(table);
    if (!positions) return no_v8_object();
    WH_TRY_VOID(read_inlined(heap, code, read));
    WH_TRY(read.instructions, heap.bytes(read.start, read.size));
    read.positions = *std::move(positions);
    return {};
}

// Whether the first call from an offset on returns to `end`.
bool calls_first(std::span<const uint8_t> instructions, uint64_t offset, uint64_t end) {
    const ZydisDecoder decoder = make_decoder();
    while (offset < end) {
        const auto decoded = decode(decoder, instructions.subspan(offset, end - offset));
        if (!decoded) return false;
        offset += decoded->instruction.length;
        if (decoded->instruction.meta.category == ZYDIS_CATEGORY_CALL) return offset == end;
        if (never_continues(decoded->instruction.mnemonic)) return false;
    }
    return false;
}

}  // namespace

Result<V8Code> read_v8_code_place(const V8Heap& heap, uint64_t code) {
    const wh_v8_process& process = heap.layout().process;
    V8Code read;
    WH_TRY(const auto type, heap.type(code));
    if (type != heap.layout().types.code) return no_v8_object();
    WH_TRY(read.size, heap.half(code + process.code + process.code_size));
    if (process.code_inline != 0) {
        read.start = code + process.code_inline;
    } else {
        WH_TRY(read.start, heap.word(code + process.code));
    }
    if (read.size == 0 || read.size > kMaxCode) return no_v8_object();
    return read;
}

Result<V8Code> read_v8_code(const V8Heap& heap, uint64_t code, std::span<const uint8_t> sizes) {
    WH_TRY(V8Code read, read_v8_code_place(heap, code));
    WH_TRY(const auto flags, heap.half(code + heap.layout().code_flags));
    const uint32_t kind = flags & kKindMask;
    read.is_baseline = kind == heap.layout().baseline_kind;
    if (read.is_baseline)
        static_cast<void>(read_compiled(heap, code, sizes, read));
    else if (kind > heap.layout().baseline_kind)
        static_cast<void>(read_optimized(heap, code, read));
    WH_TRY(const V8Code after, read_v8_code_place(heap, code));
    if (after.identity() != read.identity()) return no_v8_object();
    return read;
}

// V8 notes positions right before the instructions of a call, but not for all calls: what belongs to this one is followed by no other.
std::optional<V8Position> v8_call_position(const V8Code& code, uint64_t return_address) {
    const uint64_t end = return_address - code.start;
    if (end == 0 || end > code.instructions.size()) return std::nullopt;
    const auto position = v8_position_at(code.positions, static_cast<int64_t>(end) - 1);
    if (!position || position->code < 0) return std::nullopt;
    if (!calls_first(code.instructions, static_cast<uint64_t>(position->code), end)) return std::nullopt;
    return position;
}

}  // namespace whoholds
