#include "attach/function_code.h"

#include <algorithm>

namespace whoholds {
namespace {

bool continues(const ZydisDecodedInstruction& instruction) {
    switch (instruction.meta.category) {
        case ZYDIS_CATEGORY_UNCOND_BR:
        case ZYDIS_CATEGORY_RET:
        case ZYDIS_CATEGORY_SYSRET: return false;
        default: return !never_continues(instruction.mnemonic);
    }
}

}  // namespace

std::optional<FunctionCode> FunctionCode::decode(const ModuleCode& code, CodeRange range) {
    if (range.end <= range.start || range.end - range.start > kMaxFunctionCodeBytes) return std::nullopt;
    FunctionCode function;
    function.range_ = range;
    function.bytes_ = code.code_at(range.start, range.end - range.start);
    const std::vector<uint8_t>& bytes = function.bytes_;
    if (bytes.size() != range.end - range.start) return std::nullopt;

    for (size_t at = 0; at < bytes.size();) {
        ZydisDecodedInstruction instruction;
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&function.decoder_, nullptr, bytes.data() + at,
                                                        bytes.size() - at, &instruction))) {
            return std::nullopt;
        }
        const uint64_t next = range.start + at + instruction.length;
        for (const auto& immediate : instruction.raw.imm) {
            if (immediate.size == 0 || !immediate.is_relative) continue;
            const uint64_t target = next + static_cast<uint64_t>(immediate.value.s);
            if (target >= range.start && target < range.end)
                function.jumps_.push_back({target, function.instructions_.size()});
        }
        function.instructions_.push_back({.offset = static_cast<uint32_t>(at),
                                          .length = instruction.length,
                                          .continues = continues(instruction),
                                          .is_call = instruction.meta.category == ZYDIS_CATEGORY_CALL,
                                          .is_system_call = instruction.mnemonic == ZYDIS_MNEMONIC_SYSCALL});
        at += instruction.length;
    }
    std::sort(function.jumps_.begin(), function.jumps_.end(),
              [](const Jump& a, const Jump& b) { return a.target < b.target; });
    return function;
}

std::span<const uint8_t> FunctionCode::bytes_of(size_t index) const {
    return std::span<const uint8_t>(bytes_).subspan(instructions_[index].offset, instructions_[index].length);
}

std::optional<Decoded> FunctionCode::operands_of(size_t index) const {
    return whoholds::decode(decoder_, bytes_of(index));
}

size_t FunctionCode::index_of(uint64_t address) const {
    const uint64_t offset = address - range_.start;
    const auto after =
        std::upper_bound(instructions_.begin(), instructions_.end(), offset,
                         [](uint64_t value, const Instruction& instruction) { return value < instruction.offset; });
    return static_cast<size_t>(after - instructions_.begin()) - 1;
}

std::vector<size_t> FunctionCode::predecessors(size_t index) const {
    std::vector<size_t> result;
    if (index > 0 && instructions_[index - 1].continues) result.push_back(index - 1);
    const uint64_t address = address_of(index);
    auto jump = std::lower_bound(jumps_.begin(), jumps_.end(), address,
                                 [](const Jump& each, uint64_t value) { return each.target < value; });
    for (; jump != jumps_.end() && jump->target == address; ++jump) result.push_back(jump->from);
    return result;
}

bool FunctionCode::is_jumped_to(uint64_t first, uint64_t last) const {
    const auto jump = std::lower_bound(jumps_.begin(), jumps_.end(), first,
                                       [](const Jump& each, uint64_t value) { return each.target < value; });
    return jump != jumps_.end() && jump->target <= last;
}

}  // namespace whoholds
