// Go's table of functions (pclntab), which every Go program carries for its own tracebacks, stripped or not: names, frame
// sizes, source lines and inlined calls of all Go code. Used by GoCode, which finds it in a file.
// The formats since Go 1.16 (by magic number: 1.16, 1.18, 1.20). Everything in it is untrusted: offsets are checked where
// they are used, walks are bounded by the bytes of the table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace whoholds {

// Virtual addresses are those of the file.
struct GoFunction {
    uint64_t entry = 0;
    uint64_t end = 0;     // where the next one begins
    uint64_t record = 0;  // where it is described in the table
    uint32_t name = 0;
    uint32_t stack_deltas = 0;  // offsets of value tables, 0: none
    uint32_t files = 0;
    uint32_t lines = 0;
    uint32_t first_file = 0;  // of its compilation unit
    uint32_t pc_data_count = 0;
    uint8_t kind = 0;  // funcID: the number means another function in each version of Go
    uint8_t func_data_count = 0;
};

struct GoPosition {
    std::string_view file;  // "" when not known; as long as the table lives
    int32_t line = 0;
};

struct GoInlinedCall {
    std::string_view function;
    uint64_t call_address = 0;  // in the function that it was inlined into
    uint8_t kind = 0;
};

class GoLineTable {
public:
    enum class Format : uint8_t { k116, k118, k120 };
    static constexpr size_t kHeaderBytes = 72;

    // The format, if these bytes begin like a table; they need be no more than kHeaderBytes.
    static std::optional<Format> format_of(std::span<const uint8_t> bytes);
    // Where the five parts begin (names, units, files, values, functions), as offsets from the table's start.
    static std::optional<std::vector<uint64_t>> parts_of(std::span<const uint8_t> header);

    // text: the address that functions are counted from; not used by Format::k116.
    static Result<GoLineTable> parse(std::vector<uint8_t> bytes, uint64_t text);

    [[nodiscard]] Format format() const { return format_; }
    [[nodiscard]] size_t function_count() const { return function_count_; }
    [[nodiscard]] std::optional<GoFunction> function(size_t index) const;
    [[nodiscard]] std::optional<GoFunction> find(uint64_t address) const;
    // The first of that name. Walks all functions.
    [[nodiscard]] std::optional<GoFunction> find_name(std::string_view name) const;
    [[nodiscard]] std::string_view name_of(const GoFunction& function) const;  // "" when it makes no sense

    // How far the stack pointer is below the return address's place, less the 8 bytes of the return address itself.
    [[nodiscard]] std::optional<int32_t> stack_delta(const GoFunction& function, uint64_t address) const;
    [[nodiscard]] GoPosition position(const GoFunction& function, uint64_t address) const;
    // The number of the inlined call that the address belongs to; nullopt: the function itself.
    [[nodiscard]] std::optional<uint32_t> inlined_call(const GoFunction& function, uint64_t address) const;

    // How many inlined calls have code in the function: their numbers are below.
    [[nodiscard]] uint32_t inlined_call_count(const GoFunction& function) const;

    // Function data (FUNCDATA) of this number: an offset into the module's function data, in Format::k116 an address.
    [[nodiscard]] std::optional<uint64_t> function_data(const GoFunction& function, uint32_t number) const;
    static constexpr uint32_t kInlineTree = 3;
    // An entry of an inline tree, as read from the module's data.
    [[nodiscard]] size_t inlined_call_bytes() const { return format_ == Format::k120 ? 16 : 20; }
    [[nodiscard]] std::optional<GoInlinedCall> inlined_call_of(const GoFunction& function,
                                                               std::span<const uint8_t> entry) const;

private:
    [[nodiscard]] uint64_t entry_bytes() const { return format_ == Format::k116 ? 16 : 8; }
    [[nodiscard]] std::optional<uint64_t> entry_address(size_t index) const;
    [[nodiscard]] std::string_view string_at(uint64_t part, uint64_t offset) const;
    [[nodiscard]] std::optional<uint32_t> u32_at(uint64_t offset) const;
    // The value of a table of pairs (change of value, distance to the next pair) at an address.
    [[nodiscard]] std::optional<int32_t> value_at(uint32_t table, const GoFunction& function, uint64_t address) const;
    // visit(value, end of its addresses), until it returns false; false: the table makes no sense.
    template <class Visitor>
    bool for_each_value(uint32_t table, const GoFunction& function, Visitor visit) const;
    [[nodiscard]] uint32_t pc_data(const GoFunction& function, uint32_t number) const;

    std::vector<uint8_t> bytes_;
    Format format_ = Format::k120;
    uint8_t instruction_bytes_ = 1;
    uint64_t text_ = 0;
    size_t function_count_ = 0;
    uint64_t names_ = 0;
    uint64_t units_ = 0;
    uint64_t files_ = 0;
    uint64_t values_ = 0;
    uint64_t functions_ = 0;
};

}  // namespace whoholds
