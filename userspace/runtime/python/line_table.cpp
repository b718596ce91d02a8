#include "runtime/python/line_table.h"

#include "base/byte_reader.h"

namespace whoholds {
namespace {

constexpr int64_t kMostLines = 100'000'000;

std::optional<int> as_line(int64_t line) {
    if (line <= 0 || line > kMostLines) return std::nullopt;
    return static_cast<int>(line);
}

// Objects/lnotab_notes.txt of 3.9: the line changes where the sum of the first bytes has been reached.
std::optional<int> line_by_pairs(ByteReader table, int64_t line, uint64_t instruction) {
    uint64_t address = 0;
    while (!table.at_end()) {
        const auto bytes = table.u8();
        const auto lines = table.i8();
        if (!table.ok()) break;
        address += *bytes;
        if (address > instruction) break;
        line += *lines;
    }
    return as_line(line);
}

// Objects/lnotab_notes.txt of 3.10: lines first, then the bytes that they are for; -128 is no line.
std::optional<int> line_by_ranges(ByteReader table, int64_t line, uint64_t instruction) {
    constexpr int8_t kNoLine = -128;
    const uint64_t wanted = 2 * instruction;
    uint64_t end = 0;
    while (!table.at_end()) {
        const auto bytes = table.u8();
        const auto lines = table.i8();
        if (!table.ok()) break;
        if (*lines != kNoLine) line += *lines;
        end += *bytes;
        if (end > wanted) return *lines == kNoLine ? std::nullopt : as_line(line);
    }
    return std::nullopt;
}

// Six bits a byte, lowest first; the lowest of all is the sign.
int64_t signed_number(ByteReader& table) {
    constexpr unsigned kMostBits = 36;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < kMostBits; shift += 6) {
        const auto byte = table.u8();
        if (!byte) break;
        value |= uint64_t{*byte & 0x3fU} << shift;
        if ((*byte & 0x40) == 0) break;
    }
    const auto magnitude = static_cast<int64_t>(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
}

// Objects/locations.md of 3.11: each entry begins with a byte whose highest bit is set: a form, and how many instructions it is for.
std::optional<int> line_by_locations(ByteReader table, int64_t line, uint64_t instruction) {
    enum : unsigned { kOneLineFirst = 10, kOneLineLast = 12, kNoColumns = 13, kLong = 14, kNone = 15 };
    uint64_t end = 0;
    while (!table.at_end()) {
        const auto first = table.u8();
        if (!first) break;
        if ((*first & 0x80) == 0) continue;  // columns of the entry before
        const unsigned form = *first >> 3 & 15;
        end += (*first & 7) + 1;
        if (form == kNoColumns || form == kLong)
            line += signed_number(table);
        else if (form >= kOneLineFirst && form <= kOneLineLast)
            line += form - kOneLineFirst;
        if (end > instruction) return form == kNone || !table.ok() ? std::nullopt : as_line(line);
    }
    return std::nullopt;
}

}  // namespace

std::optional<int> python_line(PythonLines form, std::span<const uint8_t> table, int first_line, uint64_t instruction) {
    switch (form) {
        case PythonLines::kPairs: return line_by_pairs(ByteReader(table), first_line, instruction);
        case PythonLines::kRanges: return line_by_ranges(ByteReader(table), first_line, instruction);
        case PythonLines::kLocations: return line_by_locations(ByteReader(table), first_line, instruction);
    }
    return std::nullopt;
}

}  // namespace whoholds
