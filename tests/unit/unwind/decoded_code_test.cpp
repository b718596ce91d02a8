// Rules derived from code, one kind of instruction and one doubt after the other.
#include "unwind/decoded_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "unit/unwind/table_checks.h"

namespace whoholds {
namespace {

constexpr uint64_t kStart = 0x1000;

using Bytes = std::vector<uint8_t>;

Bytes code_of(std::initializer_list<Bytes> instructions) {
    Bytes code;
    for (const Bytes& each : instructions) code.insert(code.end(), each.begin(), each.end());
    return code;
}

const Bytes kPushRbp = {0x55};
const Bytes kPopRbp = {0x5d};
const Bytes kPushRbx = {0x53};
const Bytes kPopRbx = {0x5b};
const Bytes kFrame = {0x48, 0x89, 0xe5};        // mov %rsp,%rbp
const Bytes kClearRbp = {0x31, 0xed};           // xor %ebp,%ebp
const Bytes kSub24 = {0x48, 0x83, 0xec, 0x18};  // sub $24,%rsp
const Bytes kAdd24 = {0x48, 0x83, 0xc4, 0x18};
const Bytes kAlign = {0x48, 0x83, 0xe4, 0xf0};  // and $-16,%rsp
const Bytes kLeave = {0xc9};
const Bytes kReturn = {0xc3};
const Bytes kNop = {0x90};
const Bytes kCallAway = {0xe8, 0x00, 0x00, 0x10, 0x00};
const Bytes kJumpAway = {0xe9, 0x00, 0x00, 0x10, 0x00};
const Bytes kJumpToRax = {0xff, 0xe0};

class DecodedOne : public ::testing::Test {
protected:
    void decode(std::initializer_list<Bytes> instructions) {
        const Bytes code = code_of(instructions);
        decode_with(code, {{{kStart, kStart + code.size()}}});
    }
    void decode_with(const Bytes& code, const std::vector<CodeExtent>& functions) {
        decoded_ = decode_code({{kStart, code}}, functions);
        table_.rows = apply_patches({}, patches_of(decoded_));
        expect_well_formed(table_);
    }
    void expect(uint64_t offset, const wh_unwind_rule& rule) const { expect_rule(table_, kStart + offset, rule); }
    void expect_gap() const { EXPECT_TRUE(table_.rows.empty()); }

    DecodedCode decoded_;
    UnwindTable table_;
};

const FramePointerRule kSavedFirst = {WH_FP_AT_CFA, -2};
const FramePointerRule kLost = {WH_FP_UNSUPPORTED};

TEST_F(DecodedOne, pushes_and_pops_are_counted) {
    decode({kPushRbx, kSub24, kCallAway, kAdd24, kPopRbx, kReturn});
    expect(0, make_rule(WH_CFA_SP, 8));
    expect(1, make_rule(WH_CFA_SP, 16));
    expect(5, make_rule(WH_CFA_SP, 40));
    expect(10, make_rule(WH_CFA_SP, 40));
    expect(14, make_rule(WH_CFA_SP, 16));
    expect(15, make_rule(WH_CFA_SP, 8));
    expect(16, kGapRule);
    EXPECT_EQ(decoded_.accepted, 1U);
}

TEST_F(DecodedOne, rbp_is_where_it_was_pushed) {
    decode({kPushRbp, kClearRbp, kPopRbp, kReturn});
    expect(0, make_rule(WH_CFA_SP, 8));
    expect(1, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(3, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(4, make_rule(WH_CFA_SP, 8));
}

TEST_F(DecodedOne, rbp_that_was_not_saved_is_lost) {
    decode({kClearRbp, kCallAway});
    expect(0, make_rule(WH_CFA_SP, 8));
    expect(2, make_rule(WH_CFA_SP, 8, kLost));
}

TEST_F(DecodedOne, function_that_returns_with_another_rbp_is_no_function) {
    decode({kClearRbp, kReturn});
    expect_gap();
}

TEST_F(DecodedOne, rbp_may_be_written_on_one_way_only) {
    // push %rbp; je +2; xor %ebp,%ebp; pop %rbp; ret
    decode({kPushRbp, {0x74, 0x02}, kClearRbp, kPopRbp, kReturn});
    expect(1, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(5, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(6, make_rule(WH_CFA_SP, 8));
}

// As a compiler lays out what fails: behind it stands what is jumped to from where rbp was written.
TEST_F(DecodedOne, what_follows_a_call_that_does_not_return_keeps_rbp_where_it_is) {
    // push %rbp; je +10; xor %ebp,%ebp; je +7; pop %rbp; ret; jmp away; call away; xor %eax,%eax; pop %rbp; ret
    decode({kPushRbp,
            {0x74, 0x0b},
            kClearRbp,
            {0x74, 0x0c},
            kPopRbp,
            kReturn,
            kJumpAway,
            kCallAway,
            {0x31, 0xc0},
            kPopRbp,
            kReturn});
    expect(14, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(19, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(22, make_rule(WH_CFA_SP, 8));
}

TEST_F(DecodedOne, instructions_within_others_that_contradict_are_a_gap) {
    // call to the last byte of the next instruction's operand, which is a push; add %dh,0x532d10e9(%rax); pop %rbx; ret
    const Bytes code =
        code_of({{0xe8, 0x04, 0x00, 0x00, 0x00}, {0x00, 0xb0, 0xe9, 0x10, 0x53, 0x5b}, kPopRbx, kReturn});
    decode_with(code, {{{kStart, kStart + code.size()}}});
    for (uint64_t offset = 5; offset < code.size(); offset++) expect(offset, kGapRule);
}

TEST_F(DecodedOne, rbp_that_another_register_was_pushed_over_is_lost) {
    decode({kPushRbp, kClearRbp, kPopRbx, kCallAway});
    expect(3, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(4, make_rule(WH_CFA_SP, 8, kLost));
}

TEST_F(DecodedOne, aligned_stack_is_left_by_the_frame_pointer) {
    decode({kPushRbp, kFrame, kAlign, kSub24, kCallAway, kLeave, kReturn});
    expect(4, make_rule(WH_CFA_SP, 16, kSavedFirst));
    expect(8, make_rule(WH_CFA_FP, 16, kSavedFirst));
    expect(12, make_rule(WH_CFA_FP, 16, kSavedFirst));
    expect(18, make_rule(WH_CFA_SP, 8));
}

TEST_F(DecodedOne, lea_from_the_frame_pointer_restores_the_stack) {
    // push %rbp; mov %rsp,%rbp; push %rbx; and $-16,%rsp; lea -8(%rbp),%rsp; pop %rbx; pop %rbp; ret
    decode({kPushRbp, kFrame, kPushRbx, kAlign, {0x48, 0x8d, 0x65, 0xf8}, kPopRbx, kPopRbp, kReturn});
    expect(9, make_rule(WH_CFA_FP, 16, kSavedFirst));
    expect(13, make_rule(WH_CFA_SP, 24, kSavedFirst));
    expect(15, make_rule(WH_CFA_SP, 8));
}

TEST_F(DecodedOne, stack_that_nothing_leads_back_from_is_a_gap) {
    decode({kAlign, kCallAway, kReturn});
    expect_gap();
    decode({{0x48, 0x89, 0xfc}, kReturn});  // mov %rdi,%rsp
    expect_gap();
    decode({{0x58}, {0x50}, kReturn});  // pop %rax takes the return address
    expect_gap();
    decode({{0x83, 0xec, 0x18}, kReturn});  // sub $24,%esp
    expect_gap();
}

TEST_F(DecodedOne, ways_that_meet_differently_are_a_gap) {
    // je +1; push %rbx; nop; ret
    decode({{0x74, 0x01}, kPushRbx, kNop, kReturn});
    expect_gap();
}

TEST_F(DecodedOne, return_with_something_on_the_stack_is_a_gap) {
    decode({kPushRbx, kReturn});
    expect_gap();
    decode({{0xc2, 0x08, 0x00}});  // ret $8
    expect_gap();
}

TEST_F(DecodedOne, computed_jumps_and_bad_bytes_are_a_gap) {
    decode({kPushRbx, kJumpToRax});
    expect_gap();
    decode({kPushRbx, {0x06}, kPopRbx, kReturn});  // no instruction in this mode
    expect_gap();
}

TEST_F(DecodedOne, computed_jump_out_of_a_function_is_one_if_all_of_it_was_seen) {
    decode({kPushRbx, kPopRbx, kJumpToRax, kNop});
    expect(1, make_rule(WH_CFA_SP, 16));
    decode({kPushRbx, kPopRbx, kJumpToRax, kClearRbp, kReturn});
    expect_gap();
}

TEST_F(DecodedOne, what_follows_a_call_that_does_not_return_belongs_to_others) {
    // push %rbx; call; then what returns as if nothing had been pushed
    decode({kPushRbx, kCallAway, kReturn});
    expect(1, make_rule(WH_CFA_SP, 16));
    expect(5, make_rule(WH_CFA_SP, 16));
    expect(6, kGapRule);
}

TEST_F(DecodedOne, function_may_end_with_a_call) {
    decode({kPushRbx, kCallAway, kCallAway});
    expect(1, make_rule(WH_CFA_SP, 16));
    expect(10, make_rule(WH_CFA_SP, 16));
    expect(11, kGapRule);
}

TEST_F(DecodedOne, functions_without_symbols_are_found_by_calls) {
    // call +5; jmp away; push %rbx; pop %rbx; ret
    const Bytes code = code_of({{0xe8, 0x05, 0x00, 0x00, 0x00}, kJumpAway, kPushRbx, kPopRbx, kReturn});
    decode_with(code, {{{kStart, kStart + 10}}});
    expect(11, make_rule(WH_CFA_SP, 16));
    EXPECT_EQ(decoded_.accepted, 2U);
}

TEST_F(DecodedOne, cold_parts_belong_to_their_function) {
    // push %rbx; jne +2; pop %rbx; ret; cold: call away; jmp back to the pop
    const Bytes code = code_of({kPushRbx, {0x75, 0x02}, kPopRbx, kReturn, kCallAway, {0xeb, 0xf7}});
    decode_with(code, {{{kStart, kStart + 5}}, {{kStart + 5, kStart + 12}, true}});
    expect(5, make_rule(WH_CFA_SP, 16));
    expect(10, make_rule(WH_CFA_SP, 16));
    EXPECT_EQ(decoded_.accepted, 1U);
}

TEST_F(DecodedOne, jump_into_another_function_that_contradicts_refuses_both) {
    // push %rbx; jmp +1 | push %rbx; nop; pop %rbx; ret | push %rcx; push %rcx; jmp to the nop
    const Bytes code = code_of({kPushRbx, kNop, kPopRbx, kReturn, {0x51}, {0x51}, {0xeb, 0xf9}});
    decode_with(code, {{{kStart, kStart + 4}}, {{kStart + 4, kStart + 8}}});
    expect_gap();
    EXPECT_EQ(decoded_.refused, 2U);
}

TEST_F(DecodedOne, piece_of_code_that_musl_makes_cancellable_calls_with) {
    // mov (%rdi),%eax; test %eax,%eax; jne +11; mov 8(%rsp),%r8; mov %r11,8(%rsp); syscall; ret (shortened), jmp away
    decode({{0x8b, 0x07},
            {0x85, 0xc0},
            {0x75, 0x0d},
            {0x4c, 0x8b, 0x44, 0x24, 0x08},
            {0x4c, 0x89, 0x5c, 0x24, 0x08},
            {0x0f, 0x05},
            kReturn,
            kJumpAway});
    expect(18, make_rule(WH_CFA_SP, 8));
    expect(19, make_rule(WH_CFA_SP, 8));
}

}  // namespace
}  // namespace whoholds
