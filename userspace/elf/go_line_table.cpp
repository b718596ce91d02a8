#include "elf/go_line_table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/byte_reader.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxFunctions = 1 << 24;
constexpr size_t kMaxNameBytes = 32'768;
constexpr uint32_t kInlineTreeIndex = 2;  // PCDATA_InlTreeIndex, all versions

ByteReader reader_at(std::span<const uint8_t> bytes, uint64_t offset) {
    ByteReader reader(bytes);
    reader.seek(offset);
    return reader;
}

}  // namespace

std::optional<GoLineTable::Format> GoLineTable::format_of(std::span<const uint8_t> bytes) {
    ByteReader reader(bytes);
    const auto magic = reader.u32();
    const auto padding = reader.u16();
    const auto instruction_bytes = reader.u8();
    const auto pointer_bytes = reader.u8();
    const auto function_count = reader.u64();
    if (!reader.ok() || *padding != 0 || *pointer_bytes != 8) return std::nullopt;
    if (*instruction_bytes != 1 && *instruction_bytes != 4) return std::nullopt;
    if (*function_count == 0 || *function_count > kMaxFunctions) return std::nullopt;
    switch (*magic) {
        case 0xfffffffa: return Format::k116;
        case 0xfffffff0: return Format::k118;
        case 0xfffffff1: return Format::k120;
        default: return std::nullopt;
    }
}

std::optional<std::vector<uint64_t>> GoLineTable::parts_of(std::span<const uint8_t> header) {
    const auto format = format_of(header);
    if (!format) return std::nullopt;
    // Behind magic, sizes and the counts of functions and files; since 1.18 with the start of the text before the parts.
    ByteReader reader = reader_at(header, *format == Format::k116 ? 24 : 32);
    std::vector<uint64_t> parts;
    for (int i = 0; i < 5; ++i) parts.push_back(reader.u64().value_or(0));
    if (!reader.ok()) return std::nullopt;
    return parts;
}

Result<GoLineTable> GoLineTable::parse(std::vector<uint8_t> bytes, uint64_t text) {
    const auto format = format_of(bytes);
    const auto parts = parts_of(bytes);
    if (!format || !parts)
        return Error{ErrorCode::kMalformed, "Go's table of functions: not one, or of an unknown form"};
    GoLineTable table;
    table.bytes_ = std::move(bytes);
    table.format_ = *format;
    table.text_ = text;
    table.instruction_bytes_ = table.bytes_[6];
    table.function_count_ = *reader_at(table.bytes_, 8).u64();
    table.names_ = (*parts)[0];
    table.units_ = (*parts)[1];
    table.files_ = (*parts)[2];
    table.values_ = (*parts)[3];
    table.functions_ = (*parts)[4];
    const bool fits = std::ranges::all_of(*parts, [&](uint64_t part) { return part <= table.bytes_.size(); });
    // One entry more than functions: where the last one ends.
    if (!fits || (table.bytes_.size() - table.functions_) / table.entry_bytes() < table.function_count_) {
        return Error{ErrorCode::kMalformed, "Go's table of functions: cut short"};
    }
    return table;
}

std::optional<uint32_t> GoLineTable::u32_at(uint64_t offset) const { return reader_at(bytes_, offset).u32(); }

std::string_view GoLineTable::string_at(uint64_t part, uint64_t offset) const {
    if (offset > bytes_.size() - part) return {};
    const uint64_t at = part + offset;
    const size_t room = std::min<uint64_t>(bytes_.size() - at, kMaxNameBytes);
    const void* end = room == 0 ? nullptr : std::memchr(bytes_.data() + at, 0, room);
    if (end == nullptr) return {};
    const auto* start = reinterpret_cast<const char*>(bytes_.data() + at);
    return {start, static_cast<size_t>(static_cast<const char*>(end) - start)};
}

std::optional<uint64_t> GoLineTable::entry_address(size_t index) const {
    ByteReader reader = reader_at(bytes_, functions_ + index * entry_bytes());
    if (format_ == Format::k116) return reader.u64();
    const auto offset = reader.u32();
    if (!offset) return std::nullopt;
    return text_ + *offset;
}

std::optional<GoFunction> GoLineTable::function(size_t index) const {
    if (index >= function_count_) return std::nullopt;
    const bool old = format_ == Format::k116;
    ByteReader entry = reader_at(bytes_, functions_ + index * entry_bytes());
    const uint64_t start = old ? entry.u64().value_or(0) : text_ + entry.u32().value_or(0);
    const uint64_t record_offset = old ? entry.u64().value_or(0) : entry.u32().value_or(0);
    if (!entry.ok() || record_offset > bytes_.size() - functions_) return std::nullopt;

    GoFunction function{.entry = start, .record = functions_ + record_offset};
    const auto end = entry_address(index + 1);
    function.end = end && *end > start ? *end : start;
    ByteReader record = reader_at(bytes_, function.record + (old ? 8 : 4));
    function.name = record.u32().value_or(0);
    record.skip(8);  // sizes of arguments, where deferred calls return
    function.stack_deltas = record.u32().value_or(0);
    function.files = record.u32().value_or(0);
    function.lines = record.u32().value_or(0);
    function.pc_data_count = record.u32().value_or(0);
    function.first_file = record.u32().value_or(0);
    if (format_ == Format::k120) record.skip(4);  // the line that it begins at
    function.kind = record.u8().value_or(0);
    record.skip(2);
    function.func_data_count = record.u8().value_or(0);
    if (!record.ok()) return std::nullopt;
    return function;
}

std::optional<GoFunction> GoLineTable::find(uint64_t address) const {
    size_t low = 0;
    size_t high = function_count_;
    while (low < high) {  // the first that begins behind the address
        const size_t middle = low + (high - low) / 2;
        const auto entry = entry_address(middle);
        if (!entry) return std::nullopt;
        if (*entry <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return std::nullopt;
    const auto found = function(low - 1);
    return found && address >= found->entry && address < found->end ? found : std::nullopt;
}

std::optional<GoFunction> GoLineTable::find_name(std::string_view name) const {
    for (size_t i = 0; i < function_count_; ++i) {
        const auto candidate = function(i);
        if (candidate && name_of(*candidate) == name) return candidate;
    }
    return std::nullopt;
}

std::string_view GoLineTable::name_of(const GoFunction& function) const { return string_at(names_, function.name); }

template <class Visitor>
bool GoLineTable::for_each_value(uint32_t table, const GoFunction& function, Visitor visit) const {
    if (table == 0 || table > bytes_.size() - values_) return false;
    ByteReader reader = reader_at(bytes_, values_ + table);
    int64_t value = -1;
    uint64_t until = function.entry;
    for (bool first = true;; first = false) {
        const auto change = reader.uleb128();
        if (change && *change == 0 && !first) return true;  // the end
        const auto distance = change ? reader.uleb128() : std::nullopt;
        if (!distance || *change > UINT32_MAX || *distance > UINT32_MAX) return false;
        const auto half = static_cast<int64_t>(*change >> 1);
        value += (*change & 1) != 0 ? -half - 1 : half;
        until += *distance * instruction_bytes_;
        if (value < INT32_MIN || value > INT32_MAX || *distance == 0) return false;
        if (!visit(static_cast<int32_t>(value), until)) return true;
    }
}

std::optional<int32_t> GoLineTable::value_at(uint32_t table, const GoFunction& function, uint64_t address) const {
    if (address < function.entry) return std::nullopt;
    std::optional<int32_t> found;
    for_each_value(table, function, [&](int32_t value, uint64_t end) {
        if (address < end) found = value;
        return !found;
    });
    return found;
}

uint32_t GoLineTable::inlined_call_count(const GoFunction& function) const {
    uint32_t count = 0;
    for_each_value(pc_data(function, kInlineTreeIndex), function, [&](int32_t value, uint64_t) {
        if (value >= 0) count = std::max(count, static_cast<uint32_t>(value) + 1);
        return true;
    });
    return count;
}

uint32_t GoLineTable::pc_data(const GoFunction& function, uint32_t number) const {
    if (number >= function.pc_data_count) return 0;
    const uint64_t record_bytes = format_ == Format::k118 ? 40 : 44;
    return u32_at(function.record + record_bytes + uint64_t{4} * number).value_or(0);
}

std::optional<uint64_t> GoLineTable::function_data(const GoFunction& function, uint32_t number) const {
    if (number >= function.func_data_count) return std::nullopt;
    const uint64_t record_bytes = format_ == Format::k118 ? 40 : 44;
    uint64_t offset = function.record + record_bytes + uint64_t{4} * function.pc_data_count;
    if (format_ == Format::k116) {
        offset += offset % 8;  // aligned: a multiple of 4 until here
        const auto address = reader_at(bytes_, offset + uint64_t{8} * number).u64();
        return address && *address != 0 ? address : std::nullopt;
    }
    const auto value = u32_at(offset + uint64_t{4} * number);
    if (!value || *value == UINT32_MAX) return std::nullopt;
    return *value;
}

std::optional<int32_t> GoLineTable::stack_delta(const GoFunction& function, uint64_t address) const {
    return value_at(function.stack_deltas, function, address);
}

GoPosition GoLineTable::position(const GoFunction& function, uint64_t address) const {
    GoPosition position;
    const auto line = value_at(function.lines, function, address);
    const auto file = value_at(function.files, function, address);
    if (line && *line > 0) position.line = *line;
    if (!file || *file < 0) return position;
    const uint64_t unit_entry = units_ + 4 * (uint64_t{function.first_file} + static_cast<uint32_t>(*file));
    const auto name = u32_at(unit_entry);
    if (name && *name != UINT32_MAX) position.file = string_at(files_, *name);
    return position;
}

std::optional<uint32_t> GoLineTable::inlined_call(const GoFunction& function, uint64_t address) const {
    const auto index = value_at(pc_data(function, kInlineTreeIndex), function, address);
    if (!index || *index < 0) return std::nullopt;
    return static_cast<uint32_t>(*index);
}

std::optional<GoInlinedCall> GoLineTable::inlined_call_of(const GoFunction& function,
                                                          std::span<const uint8_t> entry) const {
    const bool newest = format_ == Format::k120;
    if (entry.size() < inlined_call_bytes()) return std::nullopt;
    GoInlinedCall call;
    call.kind = entry[newest ? 0 : 2];
    ByteReader reader = reader_at(entry, newest ? 4 : 12);
    const auto name = reader.u32();
    const auto offset = reader.i32();
    if (!offset || *offset < 0) return std::nullopt;
    call.function = string_at(names_, *name);
    call.call_address = function.entry + static_cast<uint32_t>(*offset);
    return call;
}

}  // namespace whoholds
