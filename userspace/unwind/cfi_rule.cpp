#include "unwind/cfi_rule.h"

#include <dwarf.h>

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/byte_reader.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr int64_t kWordBytes = 8;
constexpr int64_t kReturnAddressOffset = -8;  // from the CFA
// In the frame of a signal handler's trampoline, from rsp: struct ucontext, uc_mcontext.gregs[].
constexpr int64_t kSavedStackPointer = 160;
constexpr int64_t kSavedReturnAddress = 168;

template <class T>
std::optional<T> narrowed(int64_t value) {
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
}

template <class T>
std::optional<T> whole_words(int64_t bytes) {
    if (bytes % kWordBytes != 0) return std::nullopt;
    return narrowed<T>(bytes / kWordBytes);
}

// "register + offset", at the beginning of an expression.
struct RegisterPlus {
    uint64_t base = 0;
    int64_t offset = 0;
};

std::optional<RegisterPlus> read_register_plus(ByteReader& reader) {
    const auto operation = reader.u8();
    const auto offset = reader.sleb128();
    if (!offset || *operation < DW_OP_breg0 || *operation > DW_OP_breg31) return std::nullopt;
    return RegisterPlus{static_cast<uint64_t>(*operation - DW_OP_breg0), *offset};
}

std::optional<RegisterPlus> as_register_plus(std::span<const uint8_t> expression) {
    ByteReader reader(expression);
    const auto value = read_register_plus(reader);
    return reader.at_end() ? value : std::nullopt;
}

std::optional<wh_unwind_rule> register_cfa(const RegisterPlus& cfa) {
    const auto offset = narrowed<int32_t>(cfa.offset);
    if (!offset) return std::nullopt;
    if (cfa.base == kStackPointerRegister) return make_rule(WH_CFA_SP, *offset);
    if (cfa.base == kFramePointerRegister) return make_rule(WH_CFA_FP, *offset);
    return std::nullopt;
}

// *(register + a) + b: GCC's functions that realign their stack, OpenSSL's assembler.
std::optional<wh_unwind_rule> dereferenced_cfa(std::span<const uint8_t> expression) {
    ByteReader reader(expression);
    const auto at = read_register_plus(reader);
    if (!at || reader.u8() != DW_OP_deref) return std::nullopt;
    int64_t added = 0;
    if (!reader.at_end()) {
        const auto operation = reader.u8();
        const auto value = reader.uleb128();
        if (operation != DW_OP_plus_uconst || !value || !reader.at_end()) return std::nullopt;
        added = static_cast<int64_t>(*value);
    }
    const auto offset = narrowed<int32_t>(at->offset);
    const auto extra = whole_words<int8_t>(added);
    if (!offset || !extra) return std::nullopt;
    if (at->base == kStackPointerRegister) return make_rule(WH_CFA_SP_DEREFERENCED, *offset, {}, *extra);
    if (at->base == kFramePointerRegister) return make_rule(WH_CFA_FP_DEREFERENCED, *offset, {}, *extra);
    return std::nullopt;
}

// rsp + 8 + ((rip & 15) >= threshold) << 3, as linkers write it for the entries of the procedure linkage table.
std::optional<wh_unwind_rule> plt_cfa(std::span<const uint8_t> expression) {
    constexpr size_t kThresholdAt = 6;
    std::array<uint8_t, 11> expected = {DW_OP_breg7, 8,        DW_OP_breg16, 0,         DW_OP_lit15, DW_OP_and,
                                        DW_OP_lit0,  DW_OP_ge, DW_OP_lit3,   DW_OP_shl, DW_OP_plus};
    if (expression.size() != expected.size()) return std::nullopt;
    const uint8_t threshold = expression[kThresholdAt];
    if (threshold < DW_OP_lit0 || threshold > DW_OP_lit15) return std::nullopt;
    expected[kThresholdAt] = threshold;
    if (!std::equal(expected.begin(), expected.end(), expression.begin())) return std::nullopt;
    return make_rule(WH_CFA_PLT, 0, {}, static_cast<int8_t>(threshold - DW_OP_lit0));
}

std::optional<wh_unwind_rule> cfa_rule(const CfiCfa& cfa) {
    if (cfa.kind == CfiCfa::Kind::kRegister) return register_cfa({cfa.base, cfa.offset});
    if (cfa.kind != CfiCfa::Kind::kExpression) return std::nullopt;
    if (const auto plain = as_register_plus(cfa.expression)) return register_cfa(*plain);
    if (const auto dereferenced = dereferenced_cfa(cfa.expression)) return dereferenced;
    return plt_cfa(cfa.expression);
}

FramePointerRule saved_at(wh_fp_kind kind, int64_t offset) {
    const auto words = whole_words<int16_t>(offset);
    return words ? FramePointerRule{kind, *words} : FramePointerRule{WH_FP_UNSUPPORTED};
}

FramePointerRule frame_pointer_rule(const CfiRegister& frame_pointer) {
    switch (frame_pointer.kind) {
        case CfiRegister::Kind::kUnspecified:
        case CfiRegister::Kind::kSame: return {WH_FP_SAME};
        case CfiRegister::Kind::kUndefined: return {WH_FP_UNDEFINED};
        case CfiRegister::Kind::kAtCfa: return saved_at(WH_FP_AT_CFA, frame_pointer.offset);
        case CfiRegister::Kind::kAtExpression: {
            const auto place = as_register_plus(frame_pointer.expression);
            if (place && place->base == kFramePointerRegister) return saved_at(WH_FP_AT_FP, place->offset);
            return {WH_FP_UNSUPPORTED};
        }
        default: return {WH_FP_UNSUPPORTED};
    }
}

// 'S' alone says only that the return address is where the program was interrupted. The kernel part knows one such frame.
bool is_kernel_signal_frame(const CfiState& state) {
    if (state.cfa.kind != CfiCfa::Kind::kExpression) return false;
    const auto cfa = dereferenced_cfa(state.cfa.expression);
    if (!cfa || !same_rule(*cfa, make_rule(WH_CFA_SP_DEREFERENCED, kSavedStackPointer))) return false;
    if (state.return_address.kind != CfiRegister::Kind::kAtExpression) return false;
    const auto place = as_register_plus(state.return_address.expression);
    return place && place->base == kStackPointerRegister && place->offset == kSavedReturnAddress;
}

bool stack_pointer_is_cfa(const CfiRegister& stack_pointer) {
    return stack_pointer.kind == CfiRegister::Kind::kUnspecified ||
           (stack_pointer.kind == CfiRegister::Kind::kCfaPlus && stack_pointer.offset == 0);
}

}  // namespace

wh_unwind_rule rule_of(const CfiState& state, bool signal_frame) {
    if (state.return_address.kind == CfiRegister::Kind::kUndefined) return kEndRule;
    if (signal_frame) return is_kernel_signal_frame(state) ? kSignalRule : kUnsupportedRule;
    const bool usual_return =
        state.return_address.kind == CfiRegister::Kind::kAtCfa && state.return_address.offset == kReturnAddressOffset;
    if (!usual_return || !stack_pointer_is_cfa(state.stack_pointer)) return kUnsupportedRule;
    const auto cfa = cfa_rule(state.cfa);
    if (!cfa) return kUnsupportedRule;
    return make_rule(cfa_kind_of(*cfa), cfa->cfa_offset, frame_pointer_rule(state.frame_pointer), cfa->extra);
}

}  // namespace whoholds
