// Single x86-64 instructions: decoding, text, and what the kernel makes of a probe on one. Used inside of
// attach/, and by runtime/go/ to find data by the code that uses it.
#pragma once

#include <Zydis/Zydis.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace whoholds {

struct Decoded {
    ZydisDecodedInstruction instruction;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
};

ZydisDecoder make_decoder();

std::optional<Decoded> decode(const ZydisDecoder& decoder, std::span<const uint8_t> code);

// rax for eax, ax, al and ah.
ZydisRegister enclosing_register(ZydisRegister reg);

// The mnemonic if the kernel emulates a probed instruction of these bytes, else null.
const char* emulated_mnemonic(std::span<const uint8_t> instruction);

// In the syntax of objdump. mnemonic: what emulated_mnemonic says, null for what Zydis calls it.
std::string disassemble(const Decoded& decoded, uint64_t address, const char* mnemonic);

// Traps and halts: the next instruction in memory does not follow.
bool never_continues(ZydisMnemonic mnemonic);

}  // namespace whoholds
