// The machine code of one function, decoded from its first byte to its last: where instructions begin, and which way leads
// to which. Used by the scan for system-call instructions.
// Invariant: all bytes of the range are instructions, one behind the other. Jumps that are computed are not known.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "attach/instruction.h"
#include "attach/module_planner.h"

namespace whoholds {

// A function of 256 KiB exists in interpreters and in generated code; larger ones are not looked at.
constexpr uint64_t kMaxFunctionCodeBytes = 256 << 10;

class FunctionCode {
public:
    struct Instruction {
        uint32_t offset = 0;  // from the start of the function
        uint8_t length = 0;
        bool continues = true;  // the next instruction may follow (a call returns)
        bool is_call = false;
        bool is_system_call = false;
    };

    // Nothing if the range is too large, cannot be read, or has bytes that are no instructions.
    static std::optional<FunctionCode> decode(const ModuleCode& code, CodeRange range);

    [[nodiscard]] CodeRange range() const { return range_; }
    [[nodiscard]] const std::vector<Instruction>& instructions() const { return instructions_; }
    [[nodiscard]] uint64_t address_of(size_t index) const { return range_.start + instructions_[index].offset; }
    [[nodiscard]] std::span<const uint8_t> bytes_of(size_t index) const;
    [[nodiscard]] std::optional<Decoded> operands_of(size_t index) const;
    // The instruction that the byte at this address is part of.
    [[nodiscard]] size_t index_of(uint64_t address) const;

    // The instructions after which this one may be executed, as far as they are in this function.
    [[nodiscard]] std::vector<size_t> predecessors(size_t index) const;
    // Whether a direct jump or call of this function leads to a byte from first to last.
    [[nodiscard]] bool is_jumped_to(uint64_t first, uint64_t last) const;

private:
    struct Jump {
        uint64_t target = 0;
        size_t from = 0;
    };

    CodeRange range_;
    std::vector<uint8_t> bytes_;
    std::vector<Instruction> instructions_;
    std::vector<Jump> jumps_;  // into the function, sorted by target
    ZydisDecoder decoder_ = make_decoder();
};

}  // namespace whoholds
