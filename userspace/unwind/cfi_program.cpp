#include "unwind/cfi_program.h"

#include <dwarf.h>

#include "unwind/encoded_pointer.h"

namespace whoholds {
namespace {

constexpr size_t kMaxRemembered = 256;
constexpr uint8_t kOperandBits = 0x3f;  // of the instructions that carry an operand in their byte

}  // namespace

CfiProgram::CfiProgram(const CfiCie& cie, std::span<const uint8_t> program) : cie_(cie), reader_(program) {}

CfiProgram::CfiProgram(const CfiCie& cie, const CfiFde& fde, std::vector<CfiState>& remembered)
    : cie_(cie),
      reader_(fde.program),
      program_address_(fde.program_address),
      location_(fde.code.start),
      state_(cie.initial),
      remembered_(&remembered) {
    remembered.clear();
}

CfiProgram::Stop CfiProgram::run() {
    while (!reader_.at_end()) {
        const Step result = step();
        if (result == Step::kMalformed) return Stop::kMalformed;
        if (result == Step::kAdvanced) return Stop::kAdvanced;
    }
    return Stop::kEnd;
}

CfiProgram::Step CfiProgram::step() {
    const auto instruction = reader_.u8();
    if (!instruction) return Step::kMalformed;
    const uint64_t operand = *instruction & kOperandBits;
    switch (*instruction & ~kOperandBits) {
        case DW_CFA_advance_loc: return advance(operand);
        case DW_CFA_offset: return set_register(operand, CfiRegister::Kind::kAtCfa, factored_operand());
        case DW_CFA_restore: return restore(operand);
        default: return extended(*instruction);
    }
}

CfiProgram::Step CfiProgram::extended(uint8_t instruction) {
    using Kind = CfiRegister::Kind;
    // Operands are read in the order in which they are written: a register's number first.
    const auto number = [this] { return reader_.uleb128(); };
    std::optional<uint64_t> target;
    switch (instruction) {
        case DW_CFA_nop: return Step::kContinue;
        case DW_CFA_set_loc: return set_location();
        case DW_CFA_advance_loc1: return advance(reader_.u8());
        case DW_CFA_advance_loc2: return advance(reader_.u16());
        case DW_CFA_advance_loc4: return advance(reader_.u32());
        case DW_CFA_remember_state: return remember_state();
        case DW_CFA_restore_state: return restore_state();
        case DW_CFA_def_cfa: target = number(); return define_cfa(target, offset_operand());
        case DW_CFA_def_cfa_sf: target = number(); return define_cfa(target, signed_factored_operand());
        case DW_CFA_def_cfa_register: return set_cfa_base();
        case DW_CFA_def_cfa_offset: return set_cfa_offset(offset_operand());
        case DW_CFA_def_cfa_offset_sf: return set_cfa_offset(signed_factored_operand());
        case DW_CFA_def_cfa_expression: return set_cfa_expression();
        case DW_CFA_undefined: return set_register(number(), {.kind = Kind::kUndefined});
        case DW_CFA_same_value: return set_register(number(), {.kind = Kind::kSame});
        case DW_CFA_restore_extended: return restore(number());
        case DW_CFA_offset_extended: target = number(); return set_register(target, Kind::kAtCfa, factored_operand());
        case DW_CFA_offset_extended_sf:
            target = number();
            return set_register(target, Kind::kAtCfa, signed_factored_operand());
        case DW_CFA_GNU_negative_offset_extended: {
            target = number();
            const auto offset = factored_operand();
            return set_register(target, Kind::kAtCfa, offset ? std::optional(-*offset) : std::nullopt);
        }
        case DW_CFA_val_offset: target = number(); return set_register(target, Kind::kCfaPlus, factored_operand());
        case DW_CFA_val_offset_sf:
            target = number();
            return set_register(target, Kind::kCfaPlus, signed_factored_operand());
        case DW_CFA_register:
            target = number();
            return reader_.uleb128() ? set_register(target, {.kind = Kind::kOther}) : Step::kMalformed;
        case DW_CFA_expression: return set_register_expression(Kind::kAtExpression);
        case DW_CFA_val_expression: return set_register_expression(Kind::kOther);
        case DW_CFA_GNU_args_size: return reader_.uleb128() ? Step::kContinue : Step::kMalformed;
        default: return Step::kMalformed;
    }
}

CfiProgram::Step CfiProgram::advance(std::optional<uint64_t> factored) {
    uint64_t bytes = 0;
    uint64_t next = 0;
    // A CIE's instructions hold for the whole function.
    if (!factored || remembered_ == nullptr || __builtin_mul_overflow(*factored, cie_.code_alignment, &bytes) ||
        __builtin_add_overflow(location_, bytes, &next)) {
        return Step::kMalformed;
    }
    if (bytes == 0) return Step::kContinue;
    location_ = next;
    return Step::kAdvanced;
}

CfiProgram::Step CfiProgram::set_location() {
    const PointerBases bases{program_address_, cie_.data_address};
    const auto next = read_encoded_pointer(reader_, cie_.pointer_encoding, bases);
    if (!next || remembered_ == nullptr || *next < location_) return Step::kMalformed;
    if (*next == location_) return Step::kContinue;
    location_ = *next;
    return Step::kAdvanced;
}

CfiProgram::Step CfiProgram::define_cfa(std::optional<uint64_t> base, std::optional<int64_t> offset) {
    if (!base || !offset) return Step::kMalformed;
    state_.cfa = {.kind = CfiCfa::Kind::kRegister, .base = *base, .offset = *offset};
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::set_cfa_base() {
    const auto base = reader_.uleb128();
    if (!base || state_.cfa.kind != CfiCfa::Kind::kRegister) return Step::kMalformed;
    state_.cfa.base = *base;
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::set_cfa_offset(std::optional<int64_t> offset) {
    if (!offset || state_.cfa.kind != CfiCfa::Kind::kRegister) return Step::kMalformed;
    state_.cfa.offset = *offset;
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::set_cfa_expression() {
    const auto expression = block_operand();
    if (!expression) return Step::kMalformed;
    state_.cfa = {.kind = CfiCfa::Kind::kExpression, .expression = *expression};
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::set_register(std::optional<uint64_t> number, const CfiRegister& value) {
    if (!number) return Step::kMalformed;
    if (CfiRegister* place = tracked(state_, *number)) *place = value;
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::set_register(std::optional<uint64_t> number, CfiRegister::Kind kind,
                                          std::optional<int64_t> offset) {
    if (!offset) return Step::kMalformed;
    return set_register(number, {.kind = kind, .offset = *offset});
}

CfiProgram::Step CfiProgram::set_register_expression(CfiRegister::Kind kind) {
    const auto number = reader_.uleb128();
    const auto expression = block_operand();
    if (!expression) return Step::kMalformed;
    return set_register(number, {.kind = kind, .expression = *expression});
}

CfiProgram::Step CfiProgram::restore(std::optional<uint64_t> number) {
    if (!number || remembered_ == nullptr) return Step::kMalformed;
    CfiState initial = cie_.initial;
    if (const CfiRegister* value = tracked(initial, *number)) *tracked(state_, *number) = *value;
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::remember_state() {
    if (remembered_ == nullptr || remembered_->size() >= kMaxRemembered) return Step::kMalformed;
    remembered_->push_back(state_);
    return Step::kContinue;
}

CfiProgram::Step CfiProgram::restore_state() {
    if (remembered_ == nullptr || remembered_->empty()) return Step::kMalformed;
    state_ = remembered_->back();
    remembered_->pop_back();
    return Step::kContinue;
}

std::optional<int64_t> CfiProgram::offset_operand() {
    const auto value = reader_.uleb128();
    return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}

std::optional<int64_t> CfiProgram::factored_operand() { return factored(offset_operand()); }

std::optional<int64_t> CfiProgram::signed_factored_operand() { return factored(reader_.sleb128()); }

std::optional<int64_t> CfiProgram::factored(std::optional<int64_t> value) const {
    int64_t product = 0;
    if (!value || __builtin_mul_overflow(*value, cie_.data_alignment, &product) || product == INT64_MIN)
        return std::nullopt;
    return product;
}

std::optional<std::span<const uint8_t>> CfiProgram::block_operand() {
    const auto size = reader_.uleb128();
    if (!size) return std::nullopt;
    return reader_.bytes(*size);
}

CfiRegister* CfiProgram::tracked(CfiState& state, uint64_t number) {
    switch (number) {
        case kFramePointerRegister: return &state.frame_pointer;
        case kStackPointerRegister: return &state.stack_pointer;
        case kReturnAddressRegister: return &state.return_address;
        default: return nullptr;
    }
}

}  // namespace whoholds
