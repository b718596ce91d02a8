#include "unwind/libdw_expression.h"

#include <dwarf.h>

#include <algorithm>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxSteps = 1000;
constexpr unsigned kWordBytes = 8;

bool is_between(unsigned atom, unsigned first, unsigned last) { return atom >= first && atom <= last; }

class Evaluator {
public:
    Evaluator(std::span<const Dwarf_Op> expression, const ExpressionInput& input)
        : expression_(expression), input_(input) {}

    Evaluation run();
    [[nodiscard]] uint64_t top() const { return stack_[depth_ - 1]; }
    [[nodiscard]] bool is_place() const { return is_place_; }

private:
    bool push(uint64_t value) {
        if (depth_ == kMaxDepth) return false;
        stack_[depth_++] = value;
        return true;
    }
    bool push(std::optional<uint64_t> value) { return value && push(*value); }
    [[nodiscard]] bool has(size_t count) const { return depth_ >= count; }
    uint64_t pop() { return stack_[--depth_]; }

    bool step(const Dwarf_Op& op);
    bool dereference(unsigned size);
    bool rearrange(const Dwarf_Op& op);
    bool unary(const Dwarf_Op& op);
    bool binary(unsigned atom);
    bool branch(const Dwarf_Op& op);

    std::span<const Dwarf_Op> expression_;
    const ExpressionInput& input_;
    std::array<uint64_t, kMaxDepth> stack_{};
    size_t depth_ = 0;
    size_t next_ = 0;
    bool is_place_ = true;
    bool read_failed_ = false;
};

Evaluation Evaluator::run() {
    for (size_t steps = 0; next_ < expression_.size(); ++steps) {
        if (steps == kMaxSteps) return Evaluation::kUnsupported;
        if (!step(expression_[next_++])) return read_failed_ ? Evaluation::kReadFailed : Evaluation::kUnsupported;
    }
    return has(1) ? Evaluation::kValue : Evaluation::kUnsupported;
}

bool Evaluator::step(const Dwarf_Op& op) {
    const unsigned atom = op.atom;
    if (is_between(atom, DW_OP_lit0, DW_OP_lit31)) return push(atom - DW_OP_lit0);
    if (is_between(atom, DW_OP_breg0, DW_OP_breg31)) {
        const auto base = input_.registers.get(atom - DW_OP_breg0);
        return base && push(*base + op.number);
    }
    if (is_between(atom, DW_OP_reg0, DW_OP_reg31)) {
        is_place_ = false;
        return push(input_.registers.get(atom - DW_OP_reg0));
    }
    switch (atom) {
        case DW_OP_const1u:
        case DW_OP_const1s:
        case DW_OP_const2u:
        case DW_OP_const2s:
        case DW_OP_const4u:
        case DW_OP_const4s:
        case DW_OP_const8u:
        case DW_OP_const8s:
        case DW_OP_constu:
        case DW_OP_consts: return push(op.number);
        case DW_OP_bregx: {
            const auto base = input_.registers.get(op.number);
            return base && push(*base + op.number2);
        }
        case DW_OP_regx: is_place_ = false; return push(input_.registers.get(op.number));
        case DW_OP_call_frame_cfa: return push(input_.cfa);
        case DW_OP_stack_value: is_place_ = false; return true;
        case DW_OP_deref: return dereference(kWordBytes);
        case DW_OP_deref_size: return dereference(static_cast<unsigned>(std::min<uint64_t>(op.number, 255)));
        case DW_OP_bra:
        case DW_OP_skip: return branch(op);
        case DW_OP_nop: return true;
        case DW_OP_dup:
        case DW_OP_drop:
        case DW_OP_over:
        case DW_OP_pick:
        case DW_OP_swap:
        case DW_OP_rot: return rearrange(op);
        case DW_OP_abs:
        case DW_OP_neg:
        case DW_OP_not:
        case DW_OP_plus_uconst: return unary(op);
        default: return binary(atom);
    }
}

bool Evaluator::dereference(unsigned size) {
    if (!has(1) || size == 0 || size > kWordBytes) return false;
    const auto value = input_.read(pop(), size);
    read_failed_ = !value;
    return push(value);
}

bool Evaluator::rearrange(const Dwarf_Op& op) {
    switch (op.atom) {
        case DW_OP_dup: return has(1) && push(top());
        case DW_OP_drop: return has(1) && (pop(), true);
        case DW_OP_over: return has(2) && push(stack_[depth_ - 2]);
        case DW_OP_pick: return op.number < depth_ && push(stack_[depth_ - 1 - op.number]);
        case DW_OP_swap:
            if (!has(2)) return false;
            std::swap(stack_[depth_ - 1], stack_[depth_ - 2]);
            return true;
        default:
            if (!has(3)) return false;
            std::rotate(&stack_[depth_ - 3], &stack_[depth_ - 1], &stack_[depth_]);
            return true;
    }
}

bool Evaluator::unary(const Dwarf_Op& op) {
    if (!has(1)) return false;
    uint64_t& value = stack_[depth_ - 1];
    switch (op.atom) {
        case DW_OP_abs: value = static_cast<int64_t>(value) < 0 ? -value : value; return true;
        case DW_OP_neg: value = -value; return true;
        case DW_OP_not: value = ~value; return true;
        default: value += op.number; return true;
    }
}

bool Evaluator::binary(unsigned atom) {
    if (!has(2)) return false;
    const uint64_t right = pop();
    const uint64_t left = pop();
    const auto signed_left = static_cast<int64_t>(left);
    const auto signed_right = static_cast<int64_t>(right);
    // Dividing the lowest number by -1 overflows.
    const bool divides = right != 0 && !(signed_right == -1 && left == uint64_t{1} << 63);
    switch (atom) {
        case DW_OP_plus: return push(left + right);
        case DW_OP_minus: return push(left - right);
        case DW_OP_mul: return push(left * right);
        case DW_OP_div: return divides && push(static_cast<uint64_t>(signed_left / signed_right));
        case DW_OP_mod: return right != 0 && push(left % right);
        case DW_OP_and: return push(left & right);
        case DW_OP_or: return push(left | right);
        case DW_OP_xor: return push(left ^ right);
        case DW_OP_shl: return push(right < 64 ? left << right : 0);
        case DW_OP_shr: return push(right < 64 ? left >> right : 0);
        case DW_OP_shra: return push(static_cast<uint64_t>(signed_left >> std::min<uint64_t>(right, 63)));
        case DW_OP_eq: return push(uint64_t{left == right});
        case DW_OP_ne: return push(uint64_t{left != right});
        case DW_OP_lt: return push(uint64_t{signed_left < signed_right});
        case DW_OP_le: return push(uint64_t{signed_left <= signed_right});
        case DW_OP_gt: return push(uint64_t{signed_left > signed_right});
        case DW_OP_ge: return push(uint64_t{signed_left >= signed_right});
        default: return false;
    }
}

bool Evaluator::branch(const Dwarf_Op& op) {
    constexpr uint64_t kBranchBytes = 3;
    if (op.atom == DW_OP_bra) {
        if (!has(1)) return false;
        if (pop() == 0) return true;
    }
    const uint64_t target = op.offset + kBranchBytes + static_cast<uint64_t>(static_cast<int16_t>(op.number));
    const auto found = std::find_if(expression_.begin(), expression_.end(),
                                    [target](const Dwarf_Op& one) { return one.offset == target; });
    const bool is_end = found == expression_.end() && target > expression_.back().offset;
    next_ = static_cast<size_t>(found - expression_.begin());
    return is_end || found != expression_.end();
}

}  // namespace

Evaluation evaluate_value(std::span<const Dwarf_Op> expression, const ExpressionInput& input, uint64_t& value) {
    Evaluator evaluator(expression, input);
    const Evaluation end = evaluator.run();
    if (end == Evaluation::kValue) value = evaluator.top();
    return end;
}

Evaluation evaluate_location(std::span<const Dwarf_Op> description, const ExpressionInput& input, uint64_t& value) {
    Evaluator evaluator(description, input);
    const Evaluation end = evaluator.run();
    if (end != Evaluation::kValue) return end;
    value = evaluator.top();
    if (!evaluator.is_place()) return end;
    const auto read = input.read(value, kWordBytes);
    if (!read) return Evaluation::kReadFailed;
    value = *read;
    return Evaluation::kValue;
}

}  // namespace whoholds
