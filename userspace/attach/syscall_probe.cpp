#include "attach/syscall_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "attach/syscall_number.h"
#include "runtime/native/system_calls.h"

namespace whoholds {
namespace {

constexpr size_t kLongNopBytes = 5;
constexpr size_t kBytesBefore = 48;
constexpr size_t kSyscallBytes = 2;
constexpr size_t kBytesBehind = 15;

// Nothing that the probe or the unwinder reads changes: compilers compare the result with the error numbers, and branch.
bool only_compares(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
        case ZYDIS_MNEMONIC_CMP:
        case ZYDIS_MNEMONIC_TEST:
        case ZYDIS_MNEMONIC_NOP:
        case ZYDIS_MNEMONIC_ENDBR64: return true;
        default: return false;
    }
}

// validate_insn_64bits of arch/x86/kernel/uprobes.c, as far as compilers make such instructions.
bool kernel_refuses(const ZydisDecodedInstruction& instruction) {
    if ((instruction.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0 || never_continues(instruction.mnemonic)) return true;
    switch (instruction.meta.category) {
        case ZYDIS_CATEGORY_SYSCALL:
        case ZYDIS_CATEGORY_SYSRET:
        case ZYDIS_CATEGORY_INTERRUPT:
        case ZYDIS_CATEGORY_SYSTEM:
        case ZYDIS_CATEGORY_IO: return true;
        default: return false;
    }
}

// Newer kernels replace a probed nop of five bytes by a call, which writes below the stack pointer (T6).
bool is_long_nop(const FunctionCode& function, size_t index) {
    return function.bytes_of(index).size() == kLongNopBytes && function.operands_of(index) &&
           function.operands_of(index)->instruction.mnemonic == ZYDIS_MNEMONIC_NOP;
}

bool concerns_rax(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && enclosing_register(operand.reg.value) == ZYDIS_REGISTER_RAX;
}

// What is done with a result: it is compared, kept, or returned.
bool takes_result(const Decoded& decoded) {
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_RET: return true;
        case ZYDIS_MNEMONIC_CMP:
        case ZYDIS_MNEMONIC_TEST: return concerns_rax(decoded.operands[0]) && decoded.instruction.operand_width >= 32;
        case ZYDIS_MNEMONIC_MOV:
        case ZYDIS_MNEMONIC_MOVSXD: return concerns_rax(decoded.operands[1]) && decoded.instruction.operand_width >= 32;
        default: return false;
    }
}

// The instructions from a few bytes before the system call up to it, from the earliest start that leads there.
std::vector<Decoded> code_before(const ZydisDecoder& decoder, std::span<const uint8_t> bytes) {
    for (size_t start = 0; start + kSyscallBytes < bytes.size(); ++start) {
        std::vector<Decoded> found;
        size_t at = start;
        while (at < bytes.size()) {
            const auto decoded = decode(decoder, bytes.subspan(at));
            if (!decoded || at + decoded->instruction.length > bytes.size()) break;
            at += decoded->instruction.length;
            found.push_back(*decoded);
        }
        if (at == bytes.size() && found.back().instruction.mnemonic == ZYDIS_MNEMONIC_SYSCALL) return found;
    }
    return {};
}

bool says_where_number_comes_from(const std::vector<Decoded>& before) {
    return std::any_of(before.begin(), before.end() - 1, [](const Decoded& decoded) {
        return decoded.instruction.mnemonic == ZYDIS_MNEMONIC_MOV && concerns_rax(decoded.operands[0]) &&
               decoded.instruction.operand_width >= 32;
    });
}

}  // namespace

SyscallProbe place_syscall_probe(const FunctionCode& function, size_t index) {
    const size_t count = function.instructions().size();
    std::optional<SyscallProbe> stepped;
    for (size_t at = index + 1; at < count; ++at) {
        const auto decoded = function.operands_of(at);
        const uint64_t address = function.address_of(at);
        const uint64_t last_of_previous = address - 1;
        const uint64_t behind = function.address_of(index) + 1;
        if (!decoded || function.is_jumped_to(behind, last_of_previous) || function.is_jumped_to(address, address))
            break;
        const char* mnemonic = emulated_mnemonic(function.bytes_of(at));
        if (mnemonic != nullptr) {
            return {.address = address,
                    .emulated = true,
                    .instruction = disassemble(*decoded, address, mnemonic),
                    .why = fmt::format("{} bytes behind the system call is emulated ({})",
                                       address - function.address_of(index + 1), mnemonic)};
        }
        const bool is_nop = is_long_nop(function, at);
        if (!stepped && !is_nop) {
            if (kernel_refuses(decoded->instruction)) break;
            stepped = SyscallProbe{.address = address,
                                   .instruction = disassemble(*decoded, address, nullptr),
                                   .why = "no emulated instruction follows: stepped"};
        }
        if (!only_compares(decoded->instruction.mnemonic)) break;
    }
    if (stepped) return *std::move(stepped);
    if (index + 1 >= count) return {.refusal = "the function ends with it"};
    if (function.is_jumped_to(function.address_of(index) + 1, function.address_of(index + 1)))
        return {.refusal = "a jump leads to the instruction behind it"};
    return {.refusal = "the instruction behind it cannot be probed"};
}

Surroundings look_around(const ModuleCode& code, uint64_t hit) {
    uint64_t start = hit;
    for (const CodeRange& range : code.executable_ranges) {
        if (hit >= range.start && hit < range.end)
            start = std::max(range.start, hit - std::min<uint64_t>(hit, kBytesBefore));
    }
    const size_t before = hit - start + kSyscallBytes;
    const auto bytes = code.code_at(start, before + kBytesBehind);
    if (bytes.size() <= before) return Surroundings::kNoCode;
    const ZydisDecoder decoder = make_decoder();
    const auto next = decode(decoder, std::span<const uint8_t>(bytes).subspan(before));
    if (!next || !takes_result(*next)) return Surroundings::kNoCode;
    const auto straight = code_before(decoder, std::span<const uint8_t>(bytes).first(before));
    if (straight.empty()) return Surroundings::kNoCode;
    const SyscallNumber number = trace_number(straight);
    switch (number.origin) {
        case NumberOrigin::kConstant:
            return find_system_call(number.values.front()) == nullptr ? Surroundings::kOtherCall
                                                                      : Surroundings::kDescriptorCall;
        case NumberOrigin::kLoaded: return Surroundings::kOtherCall;
        default: return says_where_number_comes_from(straight) ? Surroundings::kAnyCall : Surroundings::kNoCode;
    }
}

}  // namespace whoholds
