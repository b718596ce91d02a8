// Each instruction and each form of rule, in the smallest program that shows it.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "unit/unwind/cfi_bytes.h"
#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

constexpr uint64_t kStart = 0x2000;
constexpr uint64_t kSize = 0x1000;

wh_unwind_rule sp(int32_t offset, FramePointerRule fp = {}) { return make_rule(WH_CFA_SP, offset, fp); }
wh_unwind_rule fp(int32_t offset, FramePointerRule saved = {}) { return make_rule(WH_CFA_FP, offset, saved); }
FramePointerRule at_cfa(int16_t words) { return {WH_FP_AT_CFA, words}; }

UnwindTable table_of(const Bytes& program, const CieForm& form = {}) {
    CfiWriter writer;
    writer.fde(writer.cie(form), kStart, kSize, program);
    return writer.table();
}

struct Case {
    std::string name;
    Bytes program;  // behind it the rule is `expected` up to the function's end
    wh_unwind_rule expected;
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class CfiInstruction : public ::testing::TestWithParam<Case> {};

TEST_P(CfiInstruction, leads_to_rule) {
    const Bytes nop = {DW_CFA_nop};
    Bytes program = {DW_CFA_advance_loc | 4};

    const UnwindTable table = table_of(program.add(GetParam().program).add(nop));

    expect_well_formed(table);
    expect_rule(table, kStart - 1, kGapRule);
    expect_rule(table, kStart, sp(8));
    expect_rule(table, kStart + 3, sp(8));
    expect_rule(table, kStart + 4, GetParam().expected);
    expect_rule(table, kStart + kSize - 1, GetParam().expected);
    expect_rule(table, kStart + kSize, kGapRule);
}

const FramePointerRule kFpUnsupported{WH_FP_UNSUPPORTED};

// The expression that linkers write for a linkage table, with its threshold.
Bytes plt(int threshold) {
    return Bytes{DW_CFA_def_cfa_expression}.block({DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, threshold,
                                                   DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus});
}
Bytes cfa_expression(const Bytes& expression) { return Bytes{DW_CFA_def_cfa_expression}.block(expression); }
Bytes rbp_expression(const Bytes& expression) { return Bytes{DW_CFA_expression, 6}.block(expression); }

INSTANTIATE_TEST_SUITE_P(
    Cfa, CfiInstruction,
    ::testing::Values(Case{"def_cfa", {DW_CFA_def_cfa, 6, 16}, fp(16)},
                      Case{"def_cfa_sf", {DW_CFA_def_cfa_sf, 7, 0x7e}, sp(16)},
                      Case{"def_cfa_register", {DW_CFA_def_cfa_register, 6}, fp(8)},
                      Case{"def_cfa_offset", {DW_CFA_def_cfa_offset, 48}, sp(48)},
                      Case{"def_cfa_offset_sf", {DW_CFA_def_cfa_offset_sf, 0x7c}, sp(32)},
                      Case{"offset_is_an_odd_number_of_bytes", {DW_CFA_def_cfa_offset, 13}, sp(13)},
                      Case{"offset_below_zero", {DW_CFA_def_cfa_offset_sf, 2}, sp(-16)},
                      Case{"largest_offset", Bytes{DW_CFA_def_cfa_offset}.uleb(0x7fffffff), sp(0x7fffffff)},
                      Case{"offset_too_large", Bytes{DW_CFA_def_cfa_offset}.uleb(0x80000000), kUnsupportedRule},
                      Case{"offset_near_2_to_the_64", Bytes{DW_CFA_def_cfa_offset}.uleb(~uint64_t{0} - 7), sp(-8)},
                      Case{"rax", {DW_CFA_def_cfa_register, 0}, kUnsupportedRule},
                      Case{"r10", {DW_CFA_def_cfa, 10, 0}, kUnsupportedRule},
                      Case{"rbx", {DW_CFA_def_cfa_register, 3}, kUnsupportedRule},
                      Case{"register_number_of_64_bits", Bytes{DW_CFA_def_cfa_register}.uleb(~uint64_t{0} - 8),
                           kUnsupportedRule}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    CfaExpression, CfiInstruction,
    ::testing::Values(
        Case{"gcc_realigned_stack", cfa_expression({DW_OP_breg6, 0x78, DW_OP_deref}),
             make_rule(WH_CFA_FP_DEREFERENCED, -8)},
        Case{"openssl", cfa_expression({DW_OP_breg7, 40, DW_OP_deref, DW_OP_plus_uconst, 8}),
             make_rule(WH_CFA_SP_DEREFERENCED, 40, {}, 1)},
        Case{"added_too_large", cfa_expression(Bytes{DW_OP_breg7, 0, DW_OP_deref, DW_OP_plus_uconst}.uleb(1024)),
             kUnsupportedRule},
        Case{"added_no_whole_word", cfa_expression({DW_OP_breg7, 0, DW_OP_deref, DW_OP_plus_uconst, 4}),
             kUnsupportedRule},
        Case{"dereferenced_other_register", cfa_expression({DW_OP_breg10, 0, DW_OP_deref}), kUnsupportedRule},
        Case{"dereferenced_twice", cfa_expression({DW_OP_breg7, 0, DW_OP_deref, DW_OP_deref}), kUnsupportedRule},
        Case{"something_behind", cfa_expression({DW_OP_breg7, 0, DW_OP_deref, DW_OP_plus_uconst, 8, DW_OP_deref}),
             kUnsupportedRule},
        Case{"offset_in_expression_too_large", cfa_expression(Bytes{DW_OP_breg7}.sleb(1LL << 40).u8(DW_OP_deref)),
             kUnsupportedRule},
        Case{"plain", cfa_expression({DW_OP_breg7, 24}), sp(24)}, Case{"empty", cfa_expression({}), kUnsupportedRule},
        Case{"plt_of_bfd", plt(DW_OP_lit11), make_rule(WH_CFA_PLT, 0, {}, 11)},
        Case{"plt_with_endbr", plt(DW_OP_lit9), make_rule(WH_CFA_PLT, 0, {}, 9)},
        Case{"plt_with_no_threshold", plt(DW_OP_lit16), kUnsupportedRule},
        Case{"unknown", cfa_expression({DW_OP_call_frame_cfa}), kUnsupportedRule}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rbp, CfiInstruction,
    ::testing::Values(
        Case{"offset", {DW_CFA_offset | 6, 2}, sp(8, at_cfa(-2))},
        Case{"offset_extended", {DW_CFA_offset_extended, 6, 3}, sp(8, at_cfa(-3))},
        Case{"offset_extended_sf", {DW_CFA_offset_extended_sf, 6, 0x7e}, sp(8, at_cfa(2))},
        Case{"negative_offset", {DW_CFA_GNU_negative_offset_extended, 6, 2}, sp(8, at_cfa(2))},
        Case{"offset_too_large", Bytes{DW_CFA_offset | 6}.uleb(40'000), sp(8, kFpUnsupported)},
        Case{"offset_overflows", Bytes{DW_CFA_offset | 6}.uleb(1ULL << 62), kUnsupportedRule},
        Case{"same_value", {DW_CFA_offset | 6, 2, DW_CFA_same_value, 6}, sp(8)},
        Case{"undefined", {DW_CFA_undefined, 6}, sp(8, {WH_FP_UNDEFINED})},
        Case{"restore", {DW_CFA_offset | 6, 2, DW_CFA_restore | 6}, sp(8)},
        Case{"restore_extended", {DW_CFA_offset | 6, 2, DW_CFA_restore_extended, 6}, sp(8)},
        Case{"expression", rbp_expression({DW_OP_breg6, 0x70}), sp(8, {WH_FP_AT_FP, -2})},
        Case{"expression_of_another_register", rbp_expression({DW_OP_breg7, 0}), sp(8, kFpUnsupported)},
        Case{"expression_with_more", rbp_expression({DW_OP_breg6, 0, DW_OP_deref}), sp(8, kFpUnsupported)},
        Case{"expression_no_whole_word", rbp_expression({DW_OP_breg6, 4}), sp(8, kFpUnsupported)},
        Case{"empty_expression", rbp_expression({}), sp(8, kFpUnsupported)},
        Case{"in_register", {DW_CFA_register, 6, 3}, sp(8, kFpUnsupported)},
        Case{"value_offset", {DW_CFA_val_offset, 6, 2}, sp(8, kFpUnsupported)},
        Case{"value_offset_sf", {DW_CFA_val_offset_sf, 6, 2}, sp(8, kFpUnsupported)},
        Case{"value_expression", Bytes{DW_CFA_val_expression, 6}.block({DW_OP_breg6, 0}), sp(8, kFpUnsupported)}),
    [](const auto& one) { return "rbp_" + one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    OtherRegisters, CfiInstruction,
    ::testing::Values(Case{"return_address_undefined", {DW_CFA_undefined, 16}, kEndRule},
                      Case{"return_address_elsewhere", {DW_CFA_offset | 16, 2}, kUnsupportedRule},
                      Case{"return_address_in_register", {DW_CFA_register, 16, 2}, kUnsupportedRule},
                      Case{"return_address_same", {DW_CFA_same_value, 16}, kUnsupportedRule},
                      Case{"stack_pointer_is_cfa", {DW_CFA_val_offset, 7, 0}, sp(8)},
                      Case{"stack_pointer_is_not_cfa", {DW_CFA_val_offset, 7, 1}, kUnsupportedRule},
                      Case{"stack_pointer_saved", {DW_CFA_offset | 7, 3}, kUnsupportedRule},
                      Case{
                          "callee_saved", {DW_CFA_offset | 3, 2, DW_CFA_offset | 12, 3, DW_CFA_register, 15, 1}, sp(8)},
                      Case{"vector_register", Bytes{DW_CFA_offset_extended}.uleb(40).uleb(3), sp(8)}),
    [](const auto& one) { return one.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Other, CfiInstruction,
    ::testing::Values(
        Case{"arguments_size", {DW_CFA_GNU_args_size, 16, DW_CFA_def_cfa_offset, 24}, sp(24)},
        Case{"restore_state_also_restores_cfa",
             {DW_CFA_remember_state, DW_CFA_def_cfa, 6, 16, DW_CFA_offset | 6, 2, DW_CFA_restore_state},
             sp(8)},
        Case{"nested_states",
             {DW_CFA_remember_state, DW_CFA_def_cfa_offset, 16, DW_CFA_remember_state, DW_CFA_def_cfa_offset, 24,
              DW_CFA_restore_state},
             sp(16)},
        Case{"restore_without_remember", {DW_CFA_restore_state}, kUnsupportedRule},
        Case{"unknown_instruction", {0x3f}, kUnsupportedRule},
        Case{"window_save_of_sparc", {DW_CFA_GNU_window_save}, kUnsupportedRule},
        Case{"register_of_an_expression", {DW_CFA_def_cfa_expression, 0, DW_CFA_def_cfa_register, 6}, kUnsupportedRule},
        Case{"offset_of_an_expression", {DW_CFA_def_cfa_expression, 0, DW_CFA_def_cfa_offset, 6}, kUnsupportedRule},
        Case{"expression_cut_short", {DW_CFA_def_cfa_expression, 100, 0}, kUnsupportedRule},
        Case{"operand_cut_short", {DW_CFA_def_cfa, 0x87}, kUnsupportedRule}),
    [](const auto& one) { return one.param.name; });

TEST(CfiProgram, advances_in_units_of_code_alignment) {
    Bytes program = {
        DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc1, 2, DW_CFA_def_cfa_offset, 24};
    program.u8(DW_CFA_advance_loc2).u16(0x100).add({DW_CFA_def_cfa_offset, 32});
    program.u8(DW_CFA_advance_loc4).u32(0x101).add({DW_CFA_def_cfa_offset, 40});

    const UnwindTable table = table_of(program, {.code_alignment = 4});

    ASSERT_EQ(table.rows.size(), 6U);
    EXPECT_EQ(table.rows[1].address, kStart + 4);
    EXPECT_EQ(table.rows[2].address, kStart + 12);
    EXPECT_EQ(table.rows[3].address, kStart + 12 + 0x400);
    EXPECT_EQ(table.rows[4].address, kStart + 12 + 0x400 + 0x404);
    expect_rule(table, kStart + kSize - 1, sp(40));
}

TEST(CfiProgram, set_loc_goes_forward_only) {
    Bytes program = {DW_CFA_set_loc};
    program.u64(kStart + 0x80).add({DW_CFA_def_cfa_offset, 16, DW_CFA_set_loc}).u64(kStart + 0x40);

    const UnwindTable table = table_of(program);

    expect_rule(table, kStart + 0x7f, sp(8));
    expect_rule(table, kStart + 0x80, kUnsupportedRule);
}

TEST(CfiProgram, rows_end_with_the_function) {
    Bytes program = {DW_CFA_advance_loc4};
    program.u32(kSize + 1).add({DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc4}).u32(0xffffffff);

    const UnwindTable table = table_of(program);

    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_EQ(table.rows[1].address, kStart + kSize);
}

TEST(CfiProgram, restore_returns_to_what_the_cie_said) {
    CieForm form;
    form.program = Bytes(kUsualStart).add({DW_CFA_offset | 6, 4});

    const UnwindTable table = table_of({DW_CFA_same_value, 6, DW_CFA_advance_loc | 1, DW_CFA_restore | 6}, form);

    expect_rule(table, kStart, sp(8));
    expect_rule(table, kStart + 1, sp(8, at_cfa(-4)));
}

TEST(CfiProgram, remembers_a_bounded_number_of_states) {
    Bytes program;
    for (int i = 0; i < 100'000; ++i) program.u8(DW_CFA_remember_state);

    const UnwindTable table = table_of(program);

    expect_rule(table, kStart, kUnsupportedRule);
}

TEST(CfiProgram, equal_neighbours_are_one_row) {
    const UnwindTable table = table_of({DW_CFA_advance_loc | 4, DW_CFA_offset | 3, 2, DW_CFA_advance_loc | 4,
                                        DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc | 4, DW_CFA_def_cfa_offset, 16});

    EXPECT_EQ(table.rows.size(), 3U);
}

TEST(CfiProgram, signal_frame_is_the_kernels_or_unsupported) {
    const CieForm signal{.augmentation = "zRS"};
    Bytes kernel = cfa_expression(Bytes{DW_OP_breg7}.sleb(160).u8(DW_OP_deref));
    kernel.add({DW_CFA_expression, 16}).block(Bytes{DW_OP_breg7}.sleb(168));

    expect_rule(table_of(kernel, signal), kStart, kSignalRule);
    expect_rule(table_of({DW_CFA_def_cfa_offset, 16}, signal), kStart, kUnsupportedRule);
    expect_rule(table_of({DW_CFA_undefined, 16}, signal), kStart, kEndRule);
    expect_rule(table_of(kernel), kStart, kUnsupportedRule);
}

}  // namespace
}  // namespace whoholds
