#include "runtime/v8/v8_script.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace whoholds {
namespace {

constexpr size_t kMaxName = 4096;
constexpr size_t kMaxSource = 16 << 20;
constexpr size_t kMaxBytecodes = 4 << 20;

// A ScopeInfo has the names of variables that closures share, what they are, then the function's name, and numbers in between
// (src/objects/scope-info.tq). With many variables their names are elsewhere.
Result<std::string> name_in_scope(const V8Heap& heap, uint64_t scope) {
    constexpr int32_t kMostNames = 75;
    constexpr int kPlaces = 3;
    WH_TRY(const auto count, heap.word(scope + 24));
    if (!is_v8_number(count) || v8_number(count) < 0 || v8_number(count) > 1 << 20) return no_v8_object();
    const int32_t variables = v8_number(count);
    const int32_t names = variables < kMostNames ? variables : 1;
    uint64_t at = scope + heap.layout().scope_variables +
                  8 * (uint64_t{static_cast<uint32_t>(names)} + static_cast<uint32_t>(variables));
    for (int i = 0; i < kPlaces; i++, at += 8) {
        WH_TRY(const auto word, heap.word(at));
        if (is_v8_number(word)) continue;
        WH_TRY(const auto text, heap.text(word, kMaxName));
        return text.utf8();
    }
    return std::string();
}

Result<std::string> function_name(const V8Heap& heap, uint64_t shared) {
    WH_TRY(const auto word, heap.word(shared + heap.layout().shared_name));
    if (is_v8_number(word)) return std::string();
    WH_TRY(const auto object, heap.object(word));
    WH_TRY(const auto type, heap.type(object));
    if (type == heap.layout().types.scope) return name_in_scope(heap, object);
    WH_TRY(const auto text, heap.text(word, kMaxName));
    return text.utf8();
}

Result<uint64_t> bytecodes_of(const V8Heap& heap, uint64_t data) {
    const V8Types& types = heap.layout().types;
    WH_TRY(auto object, heap.object(data));
    WH_TRY(auto type, heap.type(object));
    if (type == types.code) {  // of the baseline compiler
        WH_TRY(const auto inner, heap.word(object + heap.layout().code_data));
        WH_TRY(object, heap.object(inner));
        WH_TRY(type, heap.type(object));
    }
    if (type == types.interpreter_data && type != 0) return heap.object_at(object + 8, types.bytecodes);
    if (type != types.bytecodes) return no_v8_object();
    return object;
}

Result<void> read_bytecodes(const V8Heap& heap, V8Function& function) {
    WH_TRY(const auto bytecodes, bytecodes_of(heap, function.data));
    WH_TRY(const auto length, heap.word(bytecodes + 8));
    if (!is_v8_number(length) || length >> 32 > kMaxBytecodes) return no_v8_object();
    WH_TRY(const auto table, heap.word(bytecodes + heap.layout().bytecode_positions));
    WH_TRY(const auto bytes, heap.byte_array(table));
    auto positions = v8_positions(bytes);
    if (!positions) return no_v8_object();
    WH_TRY(function.bytecodes, heap.bytes(bytecodes + heap.layout().bytecode_data, length >> 32));
    function.positions = *std::move(positions);
    return {};
}

// The flags of a SharedFunctionInfo begin with the kind of function, in the same order from V8 10.2 to 13.6 (src/objects/function-kind.h):
// with or without a class that is extended, written or by default.
bool is_class_constructor(uint32_t flags) {
    constexpr uint32_t kKindMask = 31;
    constexpr uint32_t kFirst = 3;
    constexpr uint32_t kLast = 6;
    const uint32_t kind = flags & kKindMask;
    return kind >= kFirst && kind <= kLast;
}

}  // namespace

std::vector<uint32_t> v8_line_ends(std::span<const uint16_t> text) {
    std::vector<uint32_t> ends;
    for (size_t i = 0; i < text.size(); i++) {
        const uint16_t unit = text[i];
        const bool is_pair = unit == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!is_pair && (unit == '\n' || unit == '\r' || unit == 0x2028 || unit == 0x2029))
            ends.push_back(static_cast<uint32_t>(i));
    }
    ends.push_back(static_cast<uint32_t>(text.size()));
    return ends;
}

int V8Script::line_of(uint32_t position) const {
    if (line_ends.empty() || position > line_ends.back()) return 0;
    const auto end = std::ranges::lower_bound(line_ends, position);
    return first_line + static_cast<int>(end - line_ends.begin());
}

std::string v8_script_file(const std::string& name) {
    constexpr std::string_view kScheme = "file://";
    if (!name.starts_with(std::string(kScheme) + '/')) return name;
    std::string path;
    for (size_t i = kScheme.size(); i < name.size(); i++) {
        unsigned value = 0;
        const char* digits = name.data() + i + 1;
        const bool is_escape = name[i] == '%' && i + 2 < name.size();
        if (is_escape && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            path += static_cast<char>(value);
            i += 2;
        } else {
            path += name[i];
        }
    }
    return path;
}

Result<V8Script> read_v8_script(const V8Heap& heap, uint64_t script) {
    constexpr uint64_t kSource = 8;
    constexpr uint64_t kName = 16;
    constexpr uint64_t kLineOffset = 24;
    V8Script read;
    WH_TRY(const auto id, heap.word(script + heap.layout().process.script_id));
    WH_TRY(const auto line, heap.word(script + kLineOffset));
    if (!is_v8_number(id) || !is_v8_number(line)) return no_v8_object();
    read.id = static_cast<uint32_t>(v8_number(id));
    WH_TRY(const auto name, heap.word(script + kName));
    if (auto text = heap.text(name, kMaxName)) read.file = v8_script_file(text->utf8());
    WH_TRY(const auto source, heap.word(script + kSource));
    const bool has_place = v8_number(line) >= 0 && v8_number(line) < 1 << 30;
    if (auto text = heap.text(source, kMaxSource); text && has_place) {
        read.first_line = v8_number(line) + 1;
        read.line_ends = v8_line_ends(text->units);
    }
    WH_TRY(const auto id_after, heap.word(script + heap.layout().process.script_id));
    if (id_after != id) return no_v8_object();
    return read;
}

Result<V8Function> read_v8_function_ids(const V8Heap& heap, uint64_t shared) {
    const V8Layout& layout = heap.layout();
    V8Function function;
    WH_TRY(const auto type, heap.type(shared));
    if (type != layout.types.shared) return no_v8_object();
    WH_TRY(function.script, heap.object_at(shared + layout.process.shared_script, layout.types.script));
    WH_TRY(const auto numbers,
           heap.word(shared + layout.process.shared_script + sizeof(uint64_t) * WH_V8_LITERAL_ID_WORD));
    function.literal_id = static_cast<uint32_t>(numbers >> 32);
    function.is_constructor = is_class_constructor(static_cast<uint32_t>(numbers));
    WH_TRY(const auto id, heap.word(function.script + layout.process.script_id));
    if (!is_v8_number(id)) return no_v8_object();
    function.script_id = static_cast<uint32_t>(v8_number(id));
    return function;
}

Result<V8Function> read_v8_function(const V8Heap& heap, uint64_t shared) {
    WH_TRY(V8Function function, read_v8_function_ids(heap, shared));
    WH_TRY(function.data, heap.word(shared + heap.layout().shared_data));
    if (auto name = function_name(heap, shared)) function.name = *std::move(name);
    static_cast<void>(read_bytecodes(heap, function));
    WH_TRY(const V8Function after, read_v8_function_ids(heap, shared));
    if (after.script_id != function.script_id || after.literal_id != function.literal_id) return no_v8_object();
    return function;
}

// What was never called, or not for long, has no bytecodes. The first position of these is the function's own.
Result<uint32_t> read_v8_start(const V8Heap& heap, uint64_t shared) {
    constexpr uint16_t kTypes = 4;
    const V8Layout& layout = heap.layout();
    WH_TRY(const V8Function function, read_v8_function(heap, shared));
    if (!function.positions.empty()) return function.positions.front().script;
    WH_TRY(const auto data, heap.object(function.data));
    WH_TRY(const auto type, heap.type(data));
    const bool is_known = layout.types.uncompiled != 0 && layout.uncompiled_start != 0;
    if (!is_known || type < layout.types.uncompiled || type >= layout.types.uncompiled + kTypes) return no_v8_object();
    return heap.half(data + layout.uncompiled_start);
}

}  // namespace whoholds
