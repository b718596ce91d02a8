#include "unwind/stack_state.h"

#include <algorithm>
#include <array>

#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

using FramePointer = StackState::FramePointer;
using Operands = std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT>;

constexpr int32_t kWord = 8;
constexpr int32_t kMaxFrameBytes = 16 << 20;

bool is_register(const ZydisDecodedOperand& operand, ZydisRegister reg) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.reg.value == reg;
}

bool writes(const ZydisDecodedOperand& operand, ZydisRegister reg) {
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
        return false;
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == reg;
}

bool is_small(int64_t value) { return value >= -kMaxFrameBytes && value <= kMaxFrameBytes; }

// How far below the CFA the memory lies.
std::optional<int32_t> place_of(const ZydisDecodedOperandMem& memory, const StackState& state) {
    if (memory.index != ZYDIS_REGISTER_NONE || !is_small(memory.disp.value)) return std::nullopt;
    const auto displacement = static_cast<int32_t>(memory.disp.value);
    if (memory.base == ZYDIS_REGISTER_RSP && state.stack_pointer != StackState::kUnknown)
        return state.stack_pointer - displacement;
    if (memory.base == ZYDIS_REGISTER_RBP && state.kind == FramePointer::kFrame)
        return state.frame_pointer - displacement;
    return std::nullopt;
}

// What lies below the stack pointer is lost, and a state must lead to the CFA.
bool settle(StackState& state) {
    if (state.stack_pointer == StackState::kUnknown) return state.kind == FramePointer::kFrame;
    if (state.saved_at > state.stack_pointer) state.saved_at = 0;
    return state.stack_pointer >= kWord && state.stack_pointer <= kMaxFrameBytes;
}

bool is_word(const ZydisDecodedOperand& operand) { return operand.size == 64; }

// From then on it does not matter whether rbp is written, so that ways on which it is and others may meet, and a way that was
// taken for another cannot tell another place.
void note_saved(StackState& state, int32_t place) {
    state.saved_at = place;
    state.kind = FramePointer::kOther;
}

// rbp is read from memory, perhaps from where it was saved.
void restore(StackState& state, bool is_callers) {
    state.kind = is_callers ? FramePointer::kCallers : FramePointer::kOther;
    state.frame_pointer = 0;
    if (is_callers) state.saved_at = 0;
}

bool push(const ZydisDecodedInstruction& instruction, const Operands& operands, StackState& state) {
    if (instruction.operand_width != 64) return false;
    if (state.stack_pointer == StackState::kUnknown) return true;
    state.stack_pointer += kWord;
    const bool saves = is_register(operands[0], ZYDIS_REGISTER_RBP) && state.kind == FramePointer::kCallers;
    if (saves) note_saved(state, state.stack_pointer);
    return settle(state);
}

bool pop(const ZydisDecodedInstruction& instruction, const Operands& operands, StackState& state) {
    if (instruction.operand_width != 64 || is_register(operands[0], ZYDIS_REGISTER_RSP)) return false;
    if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
    const bool to_frame_pointer = is_register(operands[0], ZYDIS_REGISTER_RBP);
    if (state.stack_pointer == StackState::kUnknown) return !to_frame_pointer;
    if (to_frame_pointer) {
        restore(state, state.saved_at == state.stack_pointer);
    }
    state.stack_pointer -= kWord;
    return settle(state);
}

bool leave(StackState& state) {
    if (state.kind != FramePointer::kFrame) return false;
    state.stack_pointer = state.frame_pointer;
    restore(state, state.saved_at == state.stack_pointer);
    state.stack_pointer -= kWord;
    return settle(state);
}

bool write_stack_pointer(const ZydisDecodedInstruction& instruction, const Operands& operands, StackState& state) {
    if (!is_register(operands[0], ZYDIS_REGISTER_RSP)) return false;
    const ZydisDecodedOperand& source = operands[1];
    const bool immediate = source.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    const bool known = state.stack_pointer != StackState::kUnknown;
    switch (instruction.mnemonic) {
        case ZYDIS_MNEMONIC_ADD:
        case ZYDIS_MNEMONIC_SUB: {
            if (!immediate) {
                state.stack_pointer = StackState::kUnknown;
                break;
            }
            if (!is_small(source.imm.value.s)) return false;
            const auto bytes = static_cast<int32_t>(source.imm.value.s);
            if (known) state.stack_pointer += instruction.mnemonic == ZYDIS_MNEMONIC_SUB ? bytes : -bytes;
            break;
        }
        case ZYDIS_MNEMONIC_AND: state.stack_pointer = StackState::kUnknown; break;
        case ZYDIS_MNEMONIC_LEA: {
            const bool relative = source.mem.base == ZYDIS_REGISTER_RSP;
            if (relative && !known) break;
            const std::optional<int32_t> place = place_of(source.mem, state);
            state.stack_pointer = place.value_or(StackState::kUnknown);
            if (!place && !relative) return false;
            break;
        }
        case ZYDIS_MNEMONIC_MOV:
            if (!is_register(source, ZYDIS_REGISTER_RBP) || state.kind != FramePointer::kFrame) return false;
            state.stack_pointer = state.frame_pointer;
            break;
        default: return false;
    }
    return settle(state);
}

bool write_frame_pointer(const ZydisDecodedInstruction& instruction, const Operands& operands, StackState& state) {
    const ZydisDecodedOperand& source = operands[1];
    StackState before = state;
    state.kind = FramePointer::kOther;
    state.frame_pointer = 0;
    const bool whole = is_register(operands[0], ZYDIS_REGISTER_RBP);
    if (whole && instruction.mnemonic == ZYDIS_MNEMONIC_MOV) {
        if (is_register(source, ZYDIS_REGISTER_RSP) && state.stack_pointer != StackState::kUnknown) {
            state.kind = FramePointer::kFrame;
            state.frame_pointer = state.stack_pointer;
        } else if (source.type == ZYDIS_OPERAND_TYPE_MEMORY && source.mem.segment == ZYDIS_REGISTER_SS &&
                   before.saved_at != 0 && place_of(source.mem, before) == before.saved_at) {
            restore(state, true);
        }
    } else if (whole && instruction.mnemonic == ZYDIS_MNEMONIC_LEA && source.mem.base == ZYDIS_REGISTER_RSP) {
        if (const std::optional<int32_t> place = place_of(source.mem, before)) {
            state.kind = FramePointer::kFrame;
            state.frame_pointer = *place;
        }
    }
    return settle(state);
}

// A store of the caller's rbp, or one over the place where it was saved.
bool write_memory(const ZydisDecodedInstruction& instruction, const Operands& operands, StackState& state) {
    for (size_t i = 0; i < instruction.operand_count; i++) {
        const ZydisDecodedOperand& operand = operands[i];
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0)
            continue;
        const std::optional<int32_t> place = place_of(operand.mem, state);
        if (!place) continue;
        const int32_t end = *place - static_cast<int32_t>(operand.size / 8);
        if (state.saved_at != 0 && end<state.saved_at&& * place> state.saved_at - kWord) state.saved_at = 0;
        const bool saves = instruction.mnemonic == ZYDIS_MNEMONIC_MOV && is_word(operand) && i == 0 &&
                           is_register(operands[1], ZYDIS_REGISTER_RBP) && state.kind == FramePointer::kCallers;
        const bool lasts = state.stack_pointer == StackState::kUnknown || *place <= state.stack_pointer;
        if (saves && lasts && *place >= 2 * kWord && *place % kWord == 0) note_saved(state, *place);
    }
    return true;
}

// Whether operands have to be decoded to know that neither rsp nor rbp is written, and no memory addressed by them. Sees r12 and
// r13 as well, which are numbered alike.
bool may_matter(const ZydisDecodedInstruction& instruction) {
    const auto is_four_or_five = [](unsigned number) { return (number & 6) == 4; };
    if (instruction.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
        (instruction.opcode >= 0xf0 || instruction.encoding != ZYDIS_INSTRUCTION_ENCODING_VEX)) {
        return true;
    }
    if ((instruction.attributes & ZYDIS_ATTRIB_HAS_MODRM) == 0) return is_four_or_five(instruction.opcode);
    const auto& modrm = instruction.raw.modrm;
    if (is_four_or_five(modrm.reg) || (modrm.mod == 3 && is_four_or_five(modrm.rm))) return true;
    if (modrm.mod == 3) return false;
    return modrm.rm == 5 ? modrm.mod != 0 : modrm.rm == 4 && is_four_or_five(instruction.raw.sib.base);
}

std::optional<uint64_t> relative_target(const ZydisDecodedInstruction& instruction, uint64_t next) {
    for (const auto& immediate : instruction.raw.imm) {
        if (immediate.size != 0 && immediate.is_relative) return next + static_cast<uint64_t>(immediate.value.s);
    }
    return std::nullopt;
}

std::optional<uint64_t> named_address(const ZydisDecodedInstruction& instruction, uint64_t next) {
    const auto& raw = instruction.raw;
    if (instruction.mnemonic != ZYDIS_MNEMONIC_LEA || raw.modrm.mod != 0 || raw.modrm.rm != 5) return std::nullopt;
    return next + static_cast<uint64_t>(raw.disp.value);
}

Flow flow_of(const ZydisDecodedInstruction& instruction, bool has_target) {
    switch (instruction.meta.category) {
        case ZYDIS_CATEGORY_CALL:
            return instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? Flow::kUnknown : Flow::kCall;
        case ZYDIS_CATEGORY_COND_BR: return has_target ? Flow::kBranch : Flow::kUnknown;
        case ZYDIS_CATEGORY_UNCOND_BR:
            if (instruction.mnemonic != ZYDIS_MNEMONIC_JMP || instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
                return Flow::kUnknown;
            return has_target ? Flow::kJump : Flow::kComputedJump;
        case ZYDIS_CATEGORY_RET:
            return instruction.mnemonic == ZYDIS_MNEMONIC_RET && instruction.raw.imm[0].size == 0 &&
                           instruction.meta.branch_type != ZYDIS_BRANCH_TYPE_FAR
                       ? Flow::kReturn
                       : Flow::kUnknown;
        default: break;
    }
    switch (instruction.mnemonic) {
        case ZYDIS_MNEMONIC_UD0:
        case ZYDIS_MNEMONIC_UD1:
        case ZYDIS_MNEMONIC_UD2:
        case ZYDIS_MNEMONIC_INT3: return Flow::kStop;
        case ZYDIS_MNEMONIC_HLT: return Flow::kHalt;
        case ZYDIS_MNEMONIC_ENTER:
        case ZYDIS_MNEMONIC_SYSRET:
        case ZYDIS_MNEMONIC_SYSEXIT:
        case ZYDIS_MNEMONIC_SYSENTER:
        case ZYDIS_MNEMONIC_XBEGIN:
        case ZYDIS_MNEMONIC_XABORT: return Flow::kUnknown;
        default: return Flow::kNext;
    }
}

bool is_padding(const ZydisDecodedInstruction& instruction, std::span<const uint8_t> code) {
    if (instruction.mnemonic == ZYDIS_MNEMONIC_NOP || instruction.mnemonic == ZYDIS_MNEMONIC_INT3) return true;
    return instruction.length == 2 && code[0] == 0x66 && code[1] == 0x90;
}

}  // namespace

wh_unwind_rule StackState::rule() const {
    FramePointerRule callers{};
    if (kind != FramePointer::kCallers) {
        // Without a place it is lost, but it is not for us to say that nobody further out needs it.
        callers.kind = saved_at == 0 ? WH_FP_UNSUPPORTED : WH_FP_AT_CFA;
        callers.offset_words = saved_at == 0 ? int16_t{0} : static_cast<int16_t>(-saved_at / kWord);
        if (saved_at / kWord > INT16_MAX) callers = {.kind = WH_FP_UNSUPPORTED};
    }
    return stack_pointer != kUnknown ? make_rule(WH_CFA_SP, stack_pointer, callers)
                                     : make_rule(WH_CFA_FP, frame_pointer, callers);
}

StackStepper::StackStepper() { ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); }

bool StackStepper::apply_operands(ZydisDecoderContext& context, const ZydisDecodedInstruction& instruction,
                                  StackState& state) const {
    Operands operands;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder_, &context, &instruction, operands.data(),
                                                 instruction.operand_count))) {
        return false;
    }
    if (instruction.mnemonic == ZYDIS_MNEMONIC_PUSH) return push(instruction, operands, state);
    if (instruction.mnemonic == ZYDIS_MNEMONIC_POP) return pop(instruction, operands, state);
    const auto begin = operands.begin();
    const auto end = begin + instruction.operand_count;
    const auto writes_to = [&](ZydisRegister reg) {
        return std::any_of(begin, end, [reg](const ZydisDecodedOperand& each) { return writes(each, reg); });
    };
    if (!write_memory(instruction, operands, state)) return false;
    const bool to_frame_pointer = writes_to(ZYDIS_REGISTER_RBP);
    if (writes_to(ZYDIS_REGISTER_RSP)) return !to_frame_pointer && write_stack_pointer(instruction, operands, state);
    return !to_frame_pointer || write_frame_pointer(instruction, operands, state);
}

Step StackStepper::step(std::span<const uint8_t> code, uint64_t address, StackState& state) const {
    ZydisDecoderContext context;
    ZydisDecodedInstruction instruction;
    Step step;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder_, &context, code.data(), code.size(), &instruction)))
        return step;
    step.length = instruction.length;
    const uint64_t next = address + instruction.length;
    step.target = relative_target(instruction, next);
    step.named = named_address(instruction, next);
    step.is_padding = is_padding(instruction, code);
    const Flow flow = flow_of(instruction, step.target.has_value());
    bool understood = true;
    switch (instruction.mnemonic) {
        case ZYDIS_MNEMONIC_LEAVE: understood = instruction.operand_width == 64 && leave(state); break;
        case ZYDIS_MNEMONIC_PUSHFQ:
            if (state.stack_pointer != StackState::kUnknown) state.stack_pointer += kWord;
            break;
        case ZYDIS_MNEMONIC_POPFQ:
            if (state.stack_pointer != StackState::kUnknown) state.stack_pointer -= kWord;
            break;
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_POPF: understood = false; break;
        case ZYDIS_MNEMONIC_PUSH:
        case ZYDIS_MNEMONIC_POP: understood = apply_operands(context, instruction, state); break;
        default:
            if (flow == Flow::kNext && !step.is_padding && may_matter(instruction))
                understood = apply_operands(context, instruction, state);
    }
    if (understood && settle(state)) step.flow = flow;
    return step;
}

}  // namespace whoholds
