#include "attach/instruction.h"

#include <algorithm>

namespace whoholds {

ZydisDecoder make_decoder() {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return decoder;
}

std::optional<Decoded> decode(const ZydisDecoder& decoder, std::span<const uint8_t> code) {
    Decoded decoded;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data(), code.size(), &decoded.instruction,
                                             decoded.operands.data()))) {
        return std::nullopt;
    }
    return decoded;
}

ZydisRegister enclosing_register(ZydisRegister reg) {
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
}

// What branch_setup_xol_ops and push_setup_xol_ops of arch/x86/kernel/uprobes.c emulate on every kernel from 3.16 (push: 4.10)
// on, without any prefix: with a segment or operand size prefix the kernel refuses or steps. Newer kernels emulate the long
// nops as well; they are no candidates anyway. Null if it is not emulated, else the mnemonic.
const char* emulated_mnemonic(std::span<const uint8_t> instruction) {
    static constexpr std::array<const char*, 16> kConditional = {"jo", "jno", "jb", "jae", "je", "jne", "jbe", "ja",
                                                                 "js", "jns", "jp", "jnp", "jl", "jge", "jle", "jg"};
    const auto at = [&](size_t index) { return index < instruction.size() ? instruction[index] : uint8_t{0}; };
    switch (instruction.size()) {
        case 1:
            if (at(0) == 0x90) return "nop";
            return (at(0) & 0xf8) == 0x50 ? "push" : nullptr;
        case 2:
            if (at(0) == 0x41 && (at(1) & 0xf8) == 0x50) return "push";
            if (at(0) == 0xeb) return "jmp";
            return (at(0) & 0xf0) == 0x70 ? kConditional[at(0) & 0x0f] : nullptr;
        case 5:
            if (at(0) == 0xe9) return "jmp";
            return at(0) == 0xe8 ? "call" : nullptr;
        case 6: return at(0) == 0x0f && (at(1) & 0xf0) == 0x80 ? kConditional[at(1) & 0x0f] : nullptr;
        default: return nullptr;
    }
}

std::string disassemble(const Decoded& decoded, uint64_t address, const char* mnemonic) {
    ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_ATT);
    ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
    for (const auto padding : {ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_FORMATTER_PROP_ADDR_PADDING_RELATIVE,
                               ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_FORMATTER_PROP_IMM_PADDING}) {
        ZydisFormatterSetProperty(&formatter, padding, ZYDIS_PADDING_DISABLED);
    }
    std::array<char, 128> buffer{};
    if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &decoded.instruction, decoded.operands.data(),
                                                      decoded.instruction.operand_count_visible, buffer.data(),
                                                      buffer.size(), address, nullptr))) {
        return "?";
    }
    std::string text = buffer.data();
    // Zydis says jz and jnbe where objdump and the rest of the world say je and ja.
    if (mnemonic != nullptr) text.replace(0, std::min(text.find(' '), text.size()), mnemonic);
    return text;
}

bool never_continues(ZydisMnemonic mnemonic) {
    switch (mnemonic) {
        case ZYDIS_MNEMONIC_UD0:
        case ZYDIS_MNEMONIC_UD1:
        case ZYDIS_MNEMONIC_UD2:
        case ZYDIS_MNEMONIC_HLT:
        case ZYDIS_MNEMONIC_INT3: return true;
        default: return false;
    }
}

}  // namespace whoholds
