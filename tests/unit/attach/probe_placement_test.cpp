#include "attach/probe_placement.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace whoholds {
namespace {

constexpr uint64_t kAddress = 0x1000;
constexpr unsigned kArg1 = 1;
constexpr unsigned kArg2 = 2;
constexpr unsigned kArg3 = 4;

Placement place(std::vector<uint8_t> code, unsigned arguments, bool has_return = false) {
    return choose_placement(
        {.code = code, .address = kAddress, .argument_mask = arguments, .has_return_probe = has_return});
}

TEST(ProbePlacement, T41_a_push_at_the_entry_is_taken) {
    // push %r12; push %rbp; ret
    const Placement placement = place({0x41, 0x54, 0x55, 0xc3}, kArg1, true);

    EXPECT_EQ(placement.delta, 0U);
    EXPECT_TRUE(placement.emulated);
    EXPECT_EQ(placement.instruction, "push %r12");
    EXPECT_EQ(placement.why, "function entry is emulated (push)");
}

TEST(ProbePlacement, T41_free_of_glibc_moves_to_its_je) {
    // test %rdi,%rdi; je +4; push %rbp; ...; ret
    const Placement placement = place({0x48, 0x85, 0xff, 0x74, 0x04, 0x55, 0x90, 0x5d, 0xc3, 0xc3}, kArg1);

    EXPECT_EQ(placement.delta, 3U);
    EXPECT_TRUE(placement.emulated);
    EXPECT_EQ(placement.pushed_words, 0U);
    EXPECT_EQ(placement.instruction, "je 0x1009");
    EXPECT_EQ(placement.why, "moved 3 bytes to je");
}

TEST(ProbePlacement, T41_endbr64_is_left_behind_for_the_push_after_it) {
    // endbr64; push %rbp; ret
    const Placement placement = place({0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3}, kArg1, true);

    EXPECT_EQ(placement.delta, 4U);
    EXPECT_TRUE(placement.emulated);
    EXPECT_EQ(placement.pushed_words, 0U);
}

TEST(ProbePlacement, T41_near_jcc_and_jmp_are_taken) {
    // cmp $0x1000,%rdi; ja far; ret
    const Placement near_jcc =
        place({0x48, 0x81, 0xff, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x87, 0x10, 0x01, 0x00, 0x00, 0xc3}, kArg1, true);
    // xor %ecx,%ecx; jmp far
    const Placement jmp = place({0x31, 0xc9, 0xe9, 0x00, 0x01, 0x00, 0x00}, kArg1 | kArg2, true);

    EXPECT_EQ(near_jcc.delta, 7U);
    EXPECT_TRUE(near_jcc.instruction.starts_with("ja ")) << near_jcc.instruction;
    EXPECT_EQ(jmp.delta, 2U);
    EXPECT_TRUE(jmp.emulated);
}

TEST(ProbePlacement, T41_stays_where_an_argument_is_overwritten_first) {
    // mov %rsi,%rax; mul %rdx (writes rdx without naming it); jo; ret
    const std::vector<uint8_t> reallocarray = {0x48, 0x89, 0xf0, 0x48, 0xf7, 0xe2, 0x70, 0x01, 0xc3, 0xc3};
    // mov %eax,%edi (half of rdi); je; ret
    const std::vector<uint8_t> half = {0x89, 0xc7, 0x74, 0x01, 0xc3, 0xc3};
    // mov $1,%dil (a byte of rdi); je; ret
    const std::vector<uint8_t> byte = {0x40, 0xb7, 0x01, 0x74, 0x01, 0xc3, 0xc3};

    const Placement implicit = place(reallocarray, kArg1 | kArg2 | kArg3);

    EXPECT_EQ(implicit.delta, 0U);
    EXPECT_FALSE(implicit.emulated);
    EXPECT_EQ(implicit.why, "rdx is overwritten first: stepped");
    EXPECT_EQ(place(reallocarray, kArg1).delta, 6U);
    EXPECT_EQ(place(half, kArg1).delta, 0U);
    EXPECT_EQ(place(half, kArg2).delta, 2U);
    EXPECT_EQ(place(byte, kArg1).delta, 0U);
}

TEST(ProbePlacement, T41_follows_an_argument_into_the_register_it_is_copied_to) {
    // mov %rdi,%rsi; mov %fs:(%rax),%rdi; cmp $0x400,%rsi; ja; ret
    const std::vector<uint8_t> mimalloc = {0x48, 0x89, 0xfe, 0x64, 0x48, 0x8b, 0x38, 0x48, 0x81,
                                           0xfe, 0x00, 0x04, 0x00, 0x00, 0x77, 0x01, 0xc3, 0xc3};
    // mov %edi,%esi (only half of it); mov %fs:(%rax),%rdi; ja; ret
    const std::vector<uint8_t> half = {0x89, 0xfe, 0x64, 0x48, 0x8b, 0x38, 0x77, 0x01, 0xc3, 0xc3};

    const Placement moved = place(mimalloc, kArg1, true);

    EXPECT_EQ(moved.delta, 14U);
    EXPECT_TRUE(moved.emulated);
    EXPECT_EQ(moved.argument_at[0], 2);
    EXPECT_EQ(place(half, kArg1, true).delta, 0U);
}

TEST(ProbePlacement, T41_an_argument_shifted_along_is_followed_all_the_way) {
    // mov %rsi,%rdx; mov %rdi,%rsi; mov %rax,%rdi; jmp far: realloc(p, n) handing on to heap_realloc(heap, p, n)
    const Placement placement = place(
        {0x48, 0x89, 0xf2, 0x48, 0x89, 0xfe, 0x48, 0x89, 0xc7, 0xe9, 0x00, 0x01, 0x00, 0x00}, kArg1 | kArg2, true);

    EXPECT_EQ(placement.delta, 9U);
    EXPECT_EQ(placement.argument_at[0], 2);
    EXPECT_EQ(placement.argument_at[1], 3);
}

TEST(ProbePlacement, T41_nothing_may_jump_between_entry_and_probe) {
    // test %rdi,%rdi; je out; nop; jmp TARGET; out: ret
    const auto with_jump_to = [](int target) {
        const auto displacement = static_cast<uint8_t>(target - 8);
        return std::vector<uint8_t>{0x48, 0x85, 0xff, 0x74, 0x03, 0x90, 0xeb, displacement, 0xc3};
    };

    EXPECT_EQ(place(with_jump_to(8), kArg1).delta, 3U);
    EXPECT_EQ(place(with_jump_to(5), kArg1).delta, 3U) << "a loop behind the probe does no harm";
    EXPECT_EQ(place(with_jump_to(3), kArg1).delta, 0U) << "onto the probe";
    EXPECT_EQ(place(with_jump_to(1), kArg1).delta, 0U) << "between";
    EXPECT_EQ(place(with_jump_to(0), kArg1).delta, 0U) << "back to the entry";
    EXPECT_EQ(place(with_jump_to(3), kArg1).why, "a jump leads into the first 3 bytes: stepped");
}

TEST(ProbePlacement, T41_a_recursive_call_of_the_entry_is_an_ordinary_call) {
    // test %rdi,%rdi; je out; call entry; out: ret
    const Placement placement = place({0x48, 0x85, 0xff, 0x74, 0x05, 0xe8, 0xf6, 0xff, 0xff, 0xff, 0xc3}, kArg1);

    EXPECT_EQ(placement.delta, 3U);
}

TEST(ProbePlacement, T41_finds_back_into_step_behind_bytes_that_are_no_code) {
    // test %rdi,%rdi; je out; (06: no instruction in 64-bit mode); jmp 3; out: ret
    const Placement placement = place({0x48, 0x85, 0xff, 0x74, 0x03, 0x06, 0xeb, 0xfb, 0xc3}, kArg1);

    EXPECT_EQ(placement.delta, 0U);
}

TEST(ProbePlacement, T41_a_change_of_the_stack_pointer_keeps_the_probe_at_the_entry) {
    // sub $0x18,%rsp; je; ret
    EXPECT_EQ(place({0x48, 0x83, 0xec, 0x18, 0x74, 0x01, 0xc3, 0xc3}, kArg1).delta, 0U);
    // and $-16,%rsp; je; ret
    EXPECT_EQ(place({0x48, 0x83, 0xe4, 0xf0, 0x74, 0x01, 0xc3, 0xc3}, kArg1).delta, 0U);
    // pop %rax; je; ret
    EXPECT_EQ(place({0x58, 0x74, 0x01, 0xc3, 0xc3}, kArg1).delta, 0U);
}

TEST(ProbePlacement, T41_pushed_words_are_counted_unless_a_return_probe_needs_the_entry_stack_pointer) {
    // pushq $1 (no emulated form); je; ret
    const std::vector<uint8_t> code = {0x6a, 0x01, 0x74, 0x01, 0xc3, 0xc3};

    const Placement alone = place(code, kArg1);
    const Placement with_return = place(code, kArg1, true);

    EXPECT_EQ(alone.delta, 2U);
    EXPECT_EQ(alone.pushed_words, 1U);
    EXPECT_EQ(with_return.delta, 0U);
    EXPECT_EQ(with_return.why, "the stack pointer changes first: stepped");
}

TEST(ProbePlacement, T41_the_frame_pointer_must_still_be_the_callers) {
    // mov %rsp,%rbp; je; ret
    EXPECT_EQ(place({0x48, 0x89, 0xe5, 0x74, 0x01, 0xc3, 0xc3}, kArg1).delta, 0U);
}

TEST(ProbePlacement, T41_no_call_and_no_system_call_is_passed_by) {
    // mov $0xb,%eax; syscall; cmp $1,%rax; jae; ret: munmap has happened by then
    const Placement munmap =
        place({0xb8, 0x0b, 0x00, 0x00, 0x00, 0x0f, 0x05, 0x48, 0x83, 0xf8, 0x01, 0x73, 0x01, 0xc3, 0xc3}, kArg1 | kArg2,
              true);
    // xor %eax,%eax; call far; je; ret
    const Placement call = place({0x31, 0xc0, 0xe8, 0x00, 0x01, 0x00, 0x00, 0x74, 0x01, 0xc3, 0xc3}, kArg1);
    // xor %eax,%eax; ret; push %rbp: another function's
    const Placement behind_ret = place({0x31, 0xc0, 0xc3, 0x55, 0xc3}, kArg1);

    EXPECT_EQ(munmap.delta, 0U);
    EXPECT_EQ(call.delta, 0U);
    EXPECT_EQ(behind_ret.delta, 0U);
}

TEST(ProbePlacement, T41_prefixed_branches_and_pushes_are_not_taken_for_emulated) {
    // a branch hint: the kernel refuses to probe it
    EXPECT_FALSE(place({0x3e, 0x74, 0x01, 0xc3, 0xc3}, kArg1).emulated);
    // push %rax with a meaningless REX.W
    EXPECT_FALSE(place({0x48, 0x50, 0xc3}, kArg1).emulated);
    // pushq (%rdi)
    EXPECT_FALSE(place({0xff, 0x37, 0xc3}, kArg1).emulated);
    // jmp *%rax
    EXPECT_FALSE(place({0xff, 0xe0}, kArg1).emulated);
}

TEST(ProbePlacement, T41_gives_up_after_a_limited_way) {
    std::vector<uint8_t> code;
    while (code.size() <= kMaxProbeDelta) code.insert(code.end(), {0x48, 0x85, 0xff});  // test %rdi,%rdi
    code.insert(code.end(), {0x74, 0x01, 0xc3, 0xc3});

    EXPECT_EQ(place(code, kArg1).delta, 0U);
}

TEST(ProbePlacement, T6_a_nop_in_mid_function_is_never_chosen) {
    // test %rdi,%rdi; nopl 0(%rax,%rax,1) (five bytes); je; ret
    const Placement nop5 = place({0x48, 0x85, 0xff, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x74, 0x01, 0xc3, 0xc3}, kArg1);
    // test %rdi,%rdi; nop; ret
    const Placement nop = place({0x48, 0x85, 0xff, 0x90, 0xc3}, kArg1);

    EXPECT_EQ(nop5.delta, 8U);
    EXPECT_EQ(nop.delta, 0U);
    EXPECT_FALSE(nop.emulated);
}

TEST(ProbePlacement, T6_a_nop_at_the_entry_may_be_probed_there) {
    const Placement placement = place({0x90, 0xc3}, kArg1);

    EXPECT_EQ(placement.delta, 0U);
    EXPECT_TRUE(placement.emulated);
}

TEST(ProbePlacement, no_code_and_broken_code_stay_at_the_entry) {
    EXPECT_EQ(place({}, kArg1).delta, 0U);
    EXPECT_FALSE(place({0x06}, kArg1).emulated);
    EXPECT_EQ(place({0x48, 0x85}, kArg1).delta, 0U);
    EXPECT_EQ(place({0x48, 0x85, 0xff, 0x74}, kArg1).delta, 0U);
}

TEST(ProbePlacement, any_bytes_give_a_placement_inside_of_them) {
    std::mt19937 random(41);
    for (int round = 0; round < 20000; ++round) {
        std::vector<uint8_t> code(random() % 80);
        for (uint8_t& byte : code) byte = static_cast<uint8_t>(random());

        const Placement placement = place(code, random() % 64, round % 2 == 0);

        ASSERT_LE(placement.delta, kMaxProbeDelta);
        ASSERT_TRUE(placement.delta == 0 || (placement.emulated && placement.delta < code.size()));
        ASSERT_TRUE(round % 2 != 0 || placement.pushed_words == 0);
        for (const uint8_t argument : placement.argument_at) ASSERT_TRUE(argument >= 1 && argument <= 6);
    }
}

TEST(ProbePlacement, thunks_are_recognised) {
    const std::vector<uint8_t> jmp32 = {0xe9, 0xfb, 0x0f, 0x00, 0x00};
    const std::vector<uint8_t> jmp8 = {0xeb, 0xfe};
    const std::vector<uint8_t> endbr_bnd = {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xe9, 0x00, 0x00, 0x00, 0x00};
    const std::vector<uint8_t> other = {0x31, 0xc9, 0xe9, 0x00, 0x00, 0x00, 0x00};
    const std::vector<uint8_t> cut = {0xe9, 0x00};

    EXPECT_EQ(thunk_target(jmp32, kAddress), 0x2000U);
    EXPECT_EQ(thunk_target(jmp8, kAddress), kAddress);
    EXPECT_EQ(thunk_target(endbr_bnd, kAddress), kAddress + 10);
    EXPECT_EQ(thunk_target(other, kAddress), 0U);
    EXPECT_EQ(thunk_target(cut, kAddress), 0U);
    EXPECT_EQ(thunk_target({}, kAddress), 0U);
}

TEST(ProbePlacement, plt_stubs_are_recognised) {
    const std::vector<uint8_t> plain = {0xff, 0x25, 0x00, 0x10, 0x00, 0x00};
    const std::vector<uint8_t> ibt = {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0xf5, 0xff, 0xff, 0xff};

    EXPECT_EQ(plt_slot(plain, kAddress), 0x2006U);
    EXPECT_EQ(plt_slot(ibt, kAddress), kAddress);
    EXPECT_EQ(plt_slot(std::vector<uint8_t>{0xff, 0x25, 0x00}, kAddress), 0U);
    EXPECT_EQ(plt_slot(std::vector<uint8_t>{0xe9, 0, 0, 0, 0}, kAddress), 0U);
}

}  // namespace
}  // namespace whoholds
