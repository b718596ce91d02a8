#include "attach/go_call_results.h"

#include <fmt/format.h>

#include <optional>

#include "attach/function_code.h"
#include "attach/instruction.h"

namespace whoholds {
namespace {

bool calls(const Decoded& decoded, uint64_t address, uint64_t callee) {
    const ZydisDecodedOperand& operand = decoded.operands[0];
    if (decoded.instruction.meta.category != ZYDIS_CATEGORY_CALL) return false;
    if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand.imm.is_relative) return false;
    return address + decoded.instruction.length + static_cast<uint64_t>(operand.imm.value.s) == callee;
}

bool tests_rax(const Decoded& decoded) {
    const auto is_rax = [&](size_t operand) {
        return decoded.operands[operand].type == ZYDIS_OPERAND_TYPE_REGISTER &&
               decoded.operands[operand].reg.value == ZYDIS_REGISTER_RAX;
    };
    return decoded.instruction.mnemonic == ZYDIS_MNEMONIC_TEST && is_rax(0) && is_rax(1);
}

// The jump behind the test that follows the call at `call`; only padding may stand between.
std::optional<size_t> jump_behind(const FunctionCode& function, size_t call) {
    bool has_tested = false;
    for (size_t i = call + 1; i < function.instructions().size(); ++i) {
        const auto decoded = function.operands_of(i);
        if (!decoded) return std::nullopt;
        if (has_tested) {
            const bool is_jump = decoded->instruction.meta.category == ZYDIS_CATEGORY_COND_BR;
            const bool is_emulated = emulated_mnemonic(function.bytes_of(i)) != nullptr;
            const bool is_straight = !function.is_jumped_to(function.address_of(call + 1), function.address_of(i));
            return is_jump && is_emulated && is_straight ? std::optional(i) : std::nullopt;
        }
        has_tested = tests_rax(*decoded);
        if (!has_tested && decoded->instruction.mnemonic != ZYDIS_MNEMONIC_NOP) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

Result<std::vector<GoProbeSite>> go_call_results(const ElfImage& image, const GoCode& code, std::string_view caller,
                                                 std::string_view callee) {
    const auto from = code.table().find_name(caller);
    const auto to = code.table().find_name(callee);
    const auto refusal = [&](std::string_view why) {
        return Error{ErrorCode::kUnsupported, fmt::format("{} in {}: {}", callee, caller, why)};
    };
    if (!from || !to || !code.covers(from->entry)) return refusal("there is no such function");
    ModuleCode bytes;
    bytes.code_at = [&image](uint64_t address, size_t size) { return image.code_at(address, size); };
    const auto function = FunctionCode::decode(bytes, {from->entry, from->end});
    if (!function) return refusal("it is too large, or there are bytes that are no code");
    std::vector<GoProbeSite> sites;
    for (size_t i = 0; i < function->instructions().size(); ++i) {
        const auto decoded = function->operands_of(i);
        if (!decoded || !calls(*decoded, function->address_of(i), to->entry)) continue;
        const auto jump = jump_behind(*function, i);
        const auto shown = jump ? function->operands_of(*jump) : std::nullopt;
        if (!shown) return refusal("its result is not tested as known");
        const uint64_t address = function->address_of(*jump);
        const auto offset = image.is_executable(address) ? image.offset_of(address) : std::nullopt;
        if (!offset) return refusal("it is not in the code of the file");
        const char* mnemonic = emulated_mnemonic(function->bytes_of(*jump));
        sites.push_back({address, *offset, true, disassemble(*shown, address, mnemonic)});
    }
    if (sites.empty()) return refusal("it is not called there");
    return sites;
}

}  // namespace whoholds
