#include "runtime/python/code_object.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/python/line_table.h"

namespace whoholds {
namespace {

constexpr uint64_t kTypeAt = 8;    // ob_type
constexpr uint64_t kSizeAt = 16;   // ob_size
constexpr uint64_t kBytesAt = 32;  // of bytes: ob_sval
constexpr size_t kMaxText = 4096;  // characters
constexpr size_t kMaxTable = 4 << 20;
constexpr uint64_t kLastAddress = (uint64_t{1} << 47) - 1;

Error malformed() { return {ErrorCode::kMalformed, "a Python object makes no sense"}; }

Result<uint64_t> read_identity(const ProcessMemory& memory, const PythonLayout& layout, uint64_t code) {
    WH_TRY(const auto words,
           (memory.read_object<std::array<__u64, WH_PYTHON_IDENTITY_WORDS>>(code + layout.process.identity)));
    return uint64_t{wh_python_identity(words.data())};
}

Result<std::vector<uint8_t>> read_bytes_object(const ProcessMemory& memory, uint64_t address) {
    WH_TRY(const auto size, memory.read_object<uint64_t>(address + kSizeAt));
    if (size > kMaxTable) return malformed();
    if (size == 0) return std::vector<uint8_t>();
    return memory.read(address + kBytesAt, size);
}

void append_utf8(std::string& text, uint32_t point) {
    const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
    const auto put_rest = [&](unsigned shift) { put(0x80 | (point >> shift & 0x3f)); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
        put(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        put(0xe0 | point >> 12);
        put_rest(6);
    } else {
        put(0xf0 | (point >> 18 & 7));
        put_rest(12);
        put_rest(6);
    }
    put_rest(0);
}

}  // namespace

std::string python_text(std::span<const uint8_t> characters, unsigned width, bool is_ascii) {
    std::string text;
    if (is_ascii && width == 1) {
        text.assign(characters.begin(), characters.end());
        return text;
    }
    for (size_t at = 0; width > 0 && at + width <= characters.size(); at += width) {
        uint32_t point = 0;
        std::memcpy(&point, characters.data() + at, std::min<size_t>(width, sizeof point));
        append_utf8(text, point);
    }
    return text;
}

Result<std::string> read_python_text(const ProcessMemory& memory, const PythonTextLayout& layout, uint64_t address) {
    if (address == 0 || address > kLastAddress) return malformed();
    WH_TRY(const auto length, memory.read_object<uint64_t>(address + layout.length));
    WH_TRY(const auto state, memory.read_object<uint32_t>(address + layout.state));
    const unsigned width = state >> 2 & 7;
    const bool is_compact = (state >> 5 & 1) != 0;
    const bool is_ascii = (state >> 6 & 1) != 0;
    if (!is_compact || (width != 1 && width != 2 && width != 4) || length > kMaxText) return malformed();
    if (length == 0) return std::string();
    WH_TRY(const auto bytes, memory.read(address + (is_ascii ? layout.ascii : layout.compact), length * width));
    return python_text(bytes, width, is_ascii);
}

int PythonCode::line_at(uint64_t instruction) const {
    if (instruction == WH_PYTHON_NO_INSTRUCTION) return first_line;
    return python_line(lines, table, first_line, instruction).value_or(first_line);
}

Result<PythonCode> read_python_code(const ProcessMemory& memory, const PythonLayout& layout, uint64_t type,
                                    uint64_t address, uint64_t identity) {
    WH_TRY(const uint64_t before, read_identity(memory, layout, address));
    if (before != identity) return Error{ErrorCode::kNotFound, "it is other code by now"};
    WH_TRY(const auto type_seen, memory.read_object<uint64_t>(address + kTypeAt));
    if (type_seen != type) return malformed();
    const auto pointer = [&](uint16_t at) { return memory.read_object<uint64_t>(address + at); };
    WH_TRY(const auto file, pointer(layout.code.file));
    WH_TRY(const auto name, pointer(layout.code.qualified_name != 0 ? layout.code.qualified_name : layout.code.name));
    WH_TRY(const auto table, pointer(layout.code.table));
    PythonCode code;
    code.lines = layout.code.lines;

    WH_TRY(code.file, read_python_text(memory, layout.text, file));
    WH_TRY(code.name, read_python_text(memory, layout.text, name));
    code.is_internal = file == name && code.name == "__init__";  // _Py_InitCleanup, from 3.12 on
    WH_TRY(code.first_line, memory.read_object<int32_t>(address + layout.code.first_line));
    if (code.first_line < 0) return malformed();
    WH_TRY(code.table, read_bytes_object(memory, table));
    WH_TRY(const uint64_t after, read_identity(memory, layout, address));
    if (after != identity) return Error{ErrorCode::kNotFound, "it is other code by now"};
    return code;
}

}  // namespace whoholds
