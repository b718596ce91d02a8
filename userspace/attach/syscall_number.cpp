#include "attach/syscall_number.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace whoholds {
namespace {

// A number is set a few instructions before its system call; in a loop around a futex it may be a hundred.
constexpr size_t kMaxSteps = 4000;

// What an instruction says about the value that a register has behind it.
struct Said {
    enum class Kind : uint8_t { kNothing, kConstant, kCopies, kMayCopy, kLoaded, kAny };
    Kind kind = Kind::kNothing;
    uint32_t value = 0;
    ZydisRegister from = ZYDIS_REGISTER_NONE;  // kCopies, kMayCopy (cmov: or as before)
};
using Kind = Said::Kind;

bool writes(const Decoded& decoded, ZydisRegister reg) {
    const ZydisMnemonic mnemonic = decoded.instruction.mnemonic;
    // The result is not among the operands. Whatever else is read behind a call was kept by it, or the call does not return: gcc
    // does keep values in registers that a function of the same file is known to leave alone (-fipa-ra).
    const bool has_result =
        mnemonic == ZYDIS_MNEMONIC_SYSCALL || decoded.instruction.meta.category == ZYDIS_CATEGORY_CALL;
    if (has_result && reg == ZYDIS_REGISTER_RAX) return true;
    for (size_t i = 0; i < decoded.instruction.operand_count; ++i) {
        const ZydisDecodedOperand& operand = decoded.operands[i];
        if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
            enclosing_register(operand.reg.value) == reg)
            return true;
    }
    return false;
}

Said said_by_source(const ZydisDecodedOperand& source, bool rbp_is_frame) {
    switch (source.type) {
        case ZYDIS_OPERAND_TYPE_IMMEDIATE:
            return {.kind = Kind::kConstant, .value = static_cast<uint32_t>(source.imm.value.u)};
        case ZYDIS_OPERAND_TYPE_REGISTER: return {.kind = Kind::kCopies, .from = enclosing_register(source.reg.value)};
        case ZYDIS_OPERAND_TYPE_MEMORY: {
            const bool on_stack = source.mem.base == ZYDIS_REGISTER_RSP || source.mem.base == ZYDIS_REGISTER_NONE ||
                                  (source.mem.base == ZYDIS_REGISTER_RBP && rbp_is_frame);
            return {.kind = on_stack ? Kind::kAny : Kind::kLoaded};
        }
        default: return {.kind = Kind::kAny};
    }
}

// What an instruction that writes the register puts there. The kernel reads 32 bits: how the rest is filled does not matter.
Said said_by(const Decoded& decoded, ZydisRegister reg, bool rbp_is_frame) {
    if (!writes(decoded, reg)) return {};
    const ZydisDecodedOperand& to = decoded.operands[0];
    const ZydisDecodedOperand& from = decoded.operands[1];
    const bool whole = decoded.instruction.operand_width >= 32 && to.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                       enclosing_register(to.reg.value) == reg;
    if (!whole || decoded.instruction.operand_count_visible < 2) return {.kind = Kind::kAny};
    const bool same = from.type == ZYDIS_OPERAND_TYPE_REGISTER && from.reg.value == to.reg.value;
    const bool narrow = (from.type == ZYDIS_OPERAND_TYPE_REGISTER || from.type == ZYDIS_OPERAND_TYPE_MEMORY) &&
                        from.size < 32;  // movzbl: the constant would have to be cut
    if (narrow) return {.kind = Kind::kAny};
    switch (decoded.instruction.mnemonic) {
        case ZYDIS_MNEMONIC_MOV:
        case ZYDIS_MNEMONIC_MOVSXD: return said_by_source(from, rbp_is_frame);
        case ZYDIS_MNEMONIC_XOR:
        case ZYDIS_MNEMONIC_SUB: return same ? Said{.kind = Kind::kConstant, .value = 0} : Said{.kind = Kind::kAny};
        default: break;
    }
    if (decoded.instruction.meta.category == ZYDIS_CATEGORY_CMOV) {
        Said said = said_by_source(from, rbp_is_frame);
        if (said.kind == Kind::kCopies) said.kind = Kind::kMayCopy;
        return said.kind == Kind::kMayCopy ? said : Said{.kind = Kind::kAny};
    }
    return {.kind = Kind::kAny};
}

// mov %rsp,%rbp or lea N(%rsp),%rbp: from there on rbp is the way to what lies on the stack.
bool makes_frame(std::span<const uint8_t> bytes) {
    const auto begins_with = [&](std::initializer_list<uint8_t> prefix) {
        return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
    };
    return begins_with({0x48, 0x89, 0xe5}) || begins_with({0x48, 0x8b, 0xec}) ||
           begins_with({0x48, 0x8d, 0x6c, 0x24}) || begins_with({0x48, 0x8d, 0xac, 0x24});
}

class Trace {
public:
    explicit Trace(const FunctionCode& function) : function_(function) {
        for (size_t i = 0; i < function.instructions().size() && !rbp_is_frame_; ++i)
            rbp_is_frame_ = makes_frame(function.bytes_of(i));
    }

    SyscallNumber from(size_t index, ZydisRegister reg_there) {
        visit(index, reg_there);
        while (!pending_.empty() && !any_) {
            const auto [at, reg] = pending_.back();
            pending_.pop_back();
            const std::vector<size_t> before = function_.predecessors(at);
            // The function's first instruction, or one that nothing is known to lead to, as after a computed jump. Not a nop
            // that aligns what is behind it.
            if (at == 0 || (before.empty() && !is_nop(at))) any_ = true;
            for (const size_t each : before) go_back_to(each, reg);
        }
        return result();
    }

private:
    using Place = std::pair<size_t, ZydisRegister>;  // what the register holds before this instruction

    void visit(size_t index, ZydisRegister reg) {
        if (seen_.size() >= kMaxSteps) any_ = true;
        if (!any_ && seen_.emplace(index, reg).second) pending_.emplace_back(index, reg);
    }

    void go_back_to(size_t index, ZydisRegister reg) {
        const auto decoded = function_.operands_of(index);
        const Said said = decoded ? said_by(*decoded, reg, rbp_is_frame_) : Said{.kind = Kind::kAny};
        switch (said.kind) {
            case Kind::kNothing: return visit(index, reg);
            case Kind::kConstant: values_.insert(said.value); return;
            case Kind::kCopies: return visit(index, said.from);
            case Kind::kMayCopy: visit(index, reg); return visit(index, said.from);
            case Kind::kLoaded: loaded_ = true; return;
            case Kind::kAny: any_ = true; return;
        }
    }

    [[nodiscard]] bool is_nop(size_t index) const {
        const auto decoded = function_.operands_of(index);
        return decoded && decoded->instruction.mnemonic == ZYDIS_MNEMONIC_NOP;
    }

    [[nodiscard]] SyscallNumber result() const {
        SyscallNumber number;
        number.values.assign(values_.begin(), values_.end());
        for (const Place& place : seen_) {
            if (number.ways.empty() || number.ways.back() != place.first) number.ways.push_back(place.first);
        }
        if (any_ || (values_.empty() && !loaded_)) {
            number.origin = NumberOrigin::kAny;
        } else if (loaded_) {
            number.origin = NumberOrigin::kLoaded;
        } else {
            number.origin = values_.size() == 1 ? NumberOrigin::kConstant : NumberOrigin::kSeveral;
        }
        return number;
    }

    const FunctionCode& function_;
    bool rbp_is_frame_ = false;
    std::set<Place> seen_;
    std::vector<Place> pending_;
    std::set<uint32_t> values_;
    bool loaded_ = false;
    bool any_ = false;
};

}  // namespace

SyscallNumber trace_number(const FunctionCode& function, size_t index) {
    return trace_register(function, index, ZYDIS_REGISTER_RAX);
}

SyscallNumber trace_register(const FunctionCode& function, size_t index, ZydisRegister reg) {
    return Trace(function).from(index, reg);
}

SyscallNumber trace_number(std::span<const Decoded> straight) {
    ZydisRegister reg = ZYDIS_REGISTER_RAX;
    for (size_t i = straight.size() - std::min<size_t>(1, straight.size()); i-- > 0;) {
        const Said said = said_by(straight[i], reg, false);
        switch (said.kind) {
            case Kind::kNothing: break;
            case Kind::kCopies: reg = said.from; break;
            case Kind::kConstant: return {.origin = NumberOrigin::kConstant, .values = {said.value}};
            case Kind::kLoaded: return {.origin = NumberOrigin::kLoaded};
            case Kind::kMayCopy:
            case Kind::kAny: return {};
        }
    }
    return {};
}

}  // namespace whoholds
