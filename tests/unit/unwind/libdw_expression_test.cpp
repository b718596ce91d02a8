#include "unwind/libdw_expression.h"

#include <dwarf.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace whoholds {
namespace {

class LibdwExpressionTest : public ::testing::Test {
protected:
    LibdwExpressionTest() {
        registers_.set(6, 0x1000);
        registers_.set(7, 0x2000);
    }

    Evaluation value_of(const std::vector<Dwarf_Op>& expression) {
        return evaluate_value(expression, {registers_, read_, cfa_}, value_);
    }
    Evaluation location_of(const std::vector<Dwarf_Op>& description) {
        return evaluate_location(description, {registers_, read_, cfa_}, value_);
    }

    FrameRegisters registers_;
    std::optional<uint64_t> cfa_ = 0x3000;
    std::function<std::optional<uint64_t>(uint64_t, unsigned)> read_ = [](uint64_t address, unsigned) {
        return address < 0x10000 ? std::optional(address + 1) : std::nullopt;
    };
    uint64_t value_ = 0;
};

Dwarf_Op op(uint8_t atom, uint64_t number = 0, uint64_t offset = 0) {
    return {.atom = atom, .number = number, .number2 = 0, .offset = offset};
}

TEST_F(LibdwExpressionTest, places_are_read_and_values_are_not) {
    EXPECT_EQ(location_of({op(DW_OP_call_frame_cfa), op(DW_OP_plus_uconst, static_cast<uint64_t>(-8))}),
              Evaluation::kValue);
    EXPECT_EQ(value_, 0x3000u - 8 + 1);
    EXPECT_EQ(location_of({op(DW_OP_breg7, 16), op(DW_OP_stack_value)}), Evaluation::kValue);
    EXPECT_EQ(value_, 0x2010u);
    EXPECT_EQ(location_of({op(DW_OP_regx, 6)}), Evaluation::kValue);
    EXPECT_EQ(value_, 0x1000u);
}

TEST_F(LibdwExpressionTest, plt_entries_compute_their_cfa_from_the_address) {
    registers_.set(16, 0x400020 + 11);
    const std::vector<Dwarf_Op> expression = {op(DW_OP_breg7, 8), op(DW_OP_breg16, 0), op(DW_OP_lit15),
                                              op(DW_OP_and),      op(DW_OP_lit11),     op(DW_OP_ge),
                                              op(DW_OP_lit3),     op(DW_OP_shl),       op(DW_OP_plus)};
    EXPECT_EQ(value_of(expression), Evaluation::kValue);
    EXPECT_EQ(value_, 0x2000u + 16);
    registers_.set(16, 0x400020 + 10);
    EXPECT_EQ(value_of(expression), Evaluation::kValue);
    EXPECT_EQ(value_, 0x2000u + 8);
}

TEST_F(LibdwExpressionTest, memory_out_of_reach_is_a_failed_read) {
    EXPECT_EQ(value_of({op(DW_OP_constu, 0x20000), op(DW_OP_deref)}), Evaluation::kReadFailed);
    EXPECT_EQ(location_of({op(DW_OP_constu, 0x20000)}), Evaluation::kReadFailed);
}

TEST_F(LibdwExpressionTest, unknown_registers_and_operations_are_not_guessed) {
    EXPECT_EQ(value_of({op(DW_OP_breg0, 8)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_regx, 99)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_lit1), op(DW_OP_push_object_address)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({}), Evaluation::kUnsupported);
    cfa_.reset();
    EXPECT_EQ(value_of({op(DW_OP_call_frame_cfa)}), Evaluation::kUnsupported);
}

TEST_F(LibdwExpressionTest, hostile_arithmetic_is_refused) {
    const uint64_t lowest = uint64_t{1} << 63;
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_lit0), op(DW_OP_div)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_lit0), op(DW_OP_mod)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_constu, lowest), op(DW_OP_consts, ~uint64_t{0}), op(DW_OP_div)}),
              Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_constu, 200), op(DW_OP_shl)}), Evaluation::kValue);
    EXPECT_EQ(value_, 0u);
}

TEST_F(LibdwExpressionTest, depth_and_steps_are_bounded) {
    EXPECT_EQ(value_of(std::vector<Dwarf_Op>(65, op(DW_OP_lit1))), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_plus)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_swap)}), Evaluation::kUnsupported);
    EXPECT_EQ(value_of({op(DW_OP_lit1), op(DW_OP_pick, 1)}), Evaluation::kUnsupported);
    // Jumps to itself for ever.
    EXPECT_EQ(value_of({op(DW_OP_lit1, 0, 0), op(DW_OP_skip, static_cast<uint64_t>(-3), 1)}), Evaluation::kUnsupported);
}

TEST_F(LibdwExpressionTest, branches_go_to_the_operation_at_their_target) {
    const std::vector<Dwarf_Op> expression = {op(DW_OP_lit5, 0, 0), op(DW_OP_lit1, 0, 1), op(DW_OP_bra, 1, 2),
                                              op(DW_OP_lit7, 0, 5), op(DW_OP_lit2, 0, 6), op(DW_OP_plus, 0, 7)};
    EXPECT_EQ(value_of(expression), Evaluation::kValue);
    EXPECT_EQ(value_, 7u);
    // Into the middle of an operation.
    EXPECT_EQ(value_of({op(DW_OP_lit1, 0, 0), op(DW_OP_skip, static_cast<uint64_t>(-2), 1), op(DW_OP_lit1, 0, 4)}),
              Evaluation::kUnsupported);
}

}  // namespace
}  // namespace whoholds
