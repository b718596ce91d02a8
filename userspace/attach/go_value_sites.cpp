#include "attach/go_value_sites.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "attach/function_code.h"
#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr size_t kMaxInstructions = 24;
constexpr size_t kCallBytes = 5;
constexpr size_t kMaxCalls = 64;

bool is_whole_register(const ZydisDecodedOperand& operand, ZydisRegister reg) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.reg.value == reg;
}

// Which of rax and rbx hold the value.
class Holders {
public:
    [[nodiscard]] bool any() const { return rax_ || rbx_; }
    [[nodiscard]] bool in_rbx() const { return !rax_; }

    void pass(const Decoded& decoded) {
        const bool is_copy = decoded.instruction.mnemonic == ZYDIS_MNEMONIC_MOV &&
                             decoded.instruction.operand_width == 64 && holds(decoded.operands[1]);
        const bool into_rax = is_copy && is_whole_register(decoded.operands[0], ZYDIS_REGISTER_RAX);
        const bool into_rbx = is_copy && is_whole_register(decoded.operands[0], ZYDIS_REGISTER_RBX);
        if (writes(decoded, ZYDIS_REGISTER_RAX)) rax_ = into_rax;
        if (writes(decoded, ZYDIS_REGISTER_RBX)) rbx_ = into_rbx;
    }

private:
    [[nodiscard]] bool holds(const ZydisDecodedOperand& operand) const {
        return (rax_ && is_whole_register(operand, ZYDIS_REGISTER_RAX)) ||
               (rbx_ && is_whole_register(operand, ZYDIS_REGISTER_RBX));
    }
    static bool writes(const Decoded& decoded, ZydisRegister reg) {
        for (size_t i = 0; i < decoded.instruction.operand_count; ++i) {
            const ZydisDecodedOperand& operand = decoded.operands[i];
            const bool is_written = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
            if (is_written && operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                enclosing_register(operand.reg.value) == reg)
                return true;
        }
        return false;
    }

    bool rax_ = true;
    bool rbx_ = false;
};

Result<GoProbeSite> site_at(const ElfImage& image, const FunctionCode& function, size_t index) {
    const uint64_t address = function.address_of(index);
    const auto offset = image.is_executable(address) ? image.offset_of(address) : std::nullopt;
    const auto decoded = function.operands_of(index);
    if (!offset || !decoded) return Error{ErrorCode::kUnsupported, "it is not in the code of the file"};
    const char* mnemonic = emulated_mnemonic(function.bytes_of(index));
    return GoProbeSite{address, *offset, mnemonic != nullptr, disassemble(*decoded, address, mnemonic)};
}

// From the instruction `first`, at which the value is in rax; that one itself if none that follows is better.
Result<GoValueSite> best_site(const ElfImage& image, const FunctionCode& function, size_t first) {
    Holders holders;
    const size_t end = std::min(function.instructions().size(), first + kMaxInstructions);
    for (size_t i = first; i < end && holders.any(); ++i) {
        const auto decoded = function.operands_of(i);
        if (!decoded) break;
        if (i > first && function.is_jumped_to(function.address_of(first), function.address_of(i))) break;
        if (emulated_mnemonic(function.bytes_of(i)) != nullptr) {
            WH_TRY(GoProbeSite site, site_at(image, function, i));
            return GoValueSite{std::move(site), holders.in_rbx()};
        }
        const FunctionCode::Instruction& instruction = function.instructions()[i];
        const bool may_leave = decoded->instruction.meta.category == ZYDIS_CATEGORY_COND_BR;
        if (!instruction.continues || instruction.is_call || may_leave) break;
        holders.pass(*decoded);
    }
    WH_TRY(GoProbeSite site, site_at(image, function, first));
    return GoValueSite{std::move(site), false};
}

std::optional<FunctionCode> decode_function(const ElfImage& image, CodeRange range) {
    ModuleCode bytes;
    bytes.code_at = [&image](uint64_t address, size_t size) { return image.code_at(address, size); };
    return FunctionCode::decode(bytes, range);
}

// Wherever the bytes are those of a call of it; some may be a part of something else.
std::vector<uint64_t> possible_calls(std::span<const uint8_t> bytes, uint64_t start, uint64_t callee) {
    constexpr uint8_t kCall = 0xe8;
    std::vector<uint64_t> calls;
    for (size_t i = 0; i + kCallBytes <= bytes.size(); ++i) {
        if (bytes[i] != kCall) continue;
        int32_t distance = 0;
        std::memcpy(&distance, bytes.data() + i + 1, sizeof distance);
        if (start + i + kCallBytes + static_cast<uint64_t>(int64_t{distance}) == callee) calls.push_back(start + i);
    }
    return calls;
}

}  // namespace

Result<std::vector<GoValueSite>> go_results_of_calls(const ElfImage& image, const GoCode& code, CodeRange callers,
                                                     std::string_view callee) {
    const auto to = code.table().find_name(callee);
    const auto refusal = [&](std::string_view why) {
        return Error{ErrorCode::kUnsupported, fmt::format("calls of {}: {}", callee, why)};
    };
    if (!to) return refusal("there is no such function");
    const auto bytes = image.code_at(callers.start, callers.end - callers.start);
    if (bytes.size() != callers.end - callers.start) return refusal("the code is not in the file");
    const std::vector<uint64_t> calls = possible_calls(bytes, callers.start, to->entry);
    if (calls.empty() || calls.size() > kMaxCalls) return refusal("there are none, or too many");
    std::vector<GoValueSite> sites;
    for (const uint64_t call : calls) {
        const auto caller = code.table().find(call);
        const auto function = caller ? decode_function(image, {caller->entry, caller->end}) : std::nullopt;
        if (!function) return refusal("a caller is not understood");
        const size_t index = function->index_of(call);
        if (function->address_of(index) != call) continue;  // of another instruction
        if (index + 1 >= function->instructions().size()) return refusal("it does not return to its caller");
        WH_TRY(GoValueSite site, best_site(image, *function, index + 1));
        sites.push_back(std::move(site));
    }
    return sites;
}

Result<GoValueSite> go_first_argument(const ElfImage& image, const GoCode& code, const GoFunctionSites& function) {
    const GoValueSite start{function.start, false};
    if (function.start.emulated) return start;
    const auto known = code.table().find(function.entry);
    const auto decoded = known ? decode_function(image, {known->entry, known->end}) : std::nullopt;
    if (!decoded) return start;
    return best_site(image, *decoded, decoded->index_of(function.start.address));
}

}  // namespace whoholds
