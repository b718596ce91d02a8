#include "attach/syscall_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "attach/call_shape.h"
#include "attach/syscall_scan.h"
#include "unit/attach/fake_module.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;

constexpr uint64_t kAddress = 0x2000;
const Bytes kSyscall = {0x0f, 0x05};
const Bytes kCompare = {0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff};  // cmp $-4096,%rax
const Bytes kAbove = {0x77, 0x01};                            // ja +1
const Bytes kRet = {0xc3};
const Bytes kLongNop = {0x0f, 0x1f, 0x44, 0x00, 0x00};

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Bytes mov_eax(uint32_t number) { return {0xb8, static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), 0, 0}; }
Bytes jump_equal(int8_t distance) { return {0x74, static_cast<uint8_t>(distance)}; }
Bytes jump(int8_t distance) { return {0xeb, static_cast<uint8_t>(distance)}; }

const Bytes kTail = kCompare + kAbove + kRet + kRet;  // what glibc puts behind a system call

SyscallSites scan(const Bytes& code, const std::string& name = "some_function") {
    FakeModule module("/lib/libsome.so");
    module.function(name, kAddress, code);
    module.prepare();
    return find_syscall_sites(module.code());
}

// No function is known there.
SyscallSites scan_unknown(const Bytes& code) {
    FakeModule module("/lib/libsome.so");
    module.bytes(kAddress, code);
    module.prepare();
    return find_syscall_sites(module.code());
}

bool is_nothing(const SyscallSites& found) {
    return found.sites.empty() && found.unprovable.empty() && found.any_number.empty() && found.in_wrapper.empty() &&
           found.through_wrapper.empty();
}

std::string why_unprovable(const SyscallSites& found) {
    return found.sites.empty() && found.unprovable.size() == 1 ? found.unprovable[0].why : "not unprovable";
}

uint32_t only_number(const SyscallSites& found) {
    return found.sites.size() == 1 && found.unprovable.empty() ? found.sites[0].call->number : 0;
}

TEST(SyscallSites, T41_the_branch_behind_the_comparison_is_probed) {
    const SyscallSites found = scan(mov_eax(SYS_close) + kSyscall + kTail, "close");

    ASSERT_EQ(found.sites.size(), 1U);
    const SyscallSite& site = found.sites[0];
    EXPECT_EQ(site.call, find_system_call(SYS_close));
    EXPECT_EQ(site.address, kAddress + 5);
    EXPECT_EQ(site.probe_address, kAddress + 13);
    EXPECT_TRUE(site.emulated);
    EXPECT_EQ(site.instruction, "ja 0x2010");
    EXPECT_EQ(site.function, "close");
}

TEST(SyscallSites, T41_without_a_branch_the_next_instruction_is_stepped) {
    const SyscallSites found = scan(mov_eax(SYS_dup) + kSyscall + kRet);

    ASSERT_EQ(found.sites.size(), 1U);
    EXPECT_EQ(found.sites[0].probe_address, kAddress + 7);
    EXPECT_FALSE(found.sites[0].emulated);
}

TEST(SyscallSites, T41_the_probe_stays_before_what_changes_an_argument) {
    // mov %eax,%edi; cmp; ja
    const SyscallSites found = scan(mov_eax(SYS_dup) + kSyscall + Bytes{0x89, 0xc7} + kTail);

    ASSERT_EQ(found.sites.size(), 1U);
    EXPECT_EQ(found.sites[0].probe_address, kAddress + 7);
    EXPECT_FALSE(found.sites[0].emulated);
}

TEST(SyscallSites, T6_a_nop_of_five_bytes_is_never_probed) {
    const SyscallSites found = scan(mov_eax(SYS_dup) + kSyscall + kLongNop + kRet);

    ASSERT_EQ(found.sites.size(), 1U);
    EXPECT_EQ(found.sites[0].probe_address, kAddress + 12);
}

TEST(SyscallSites, a_push_or_a_call_is_taken_where_it_stands) {
    const SyscallSites push = scan(mov_eax(SYS_dup) + kSyscall + Bytes{0x55} + kRet);
    const SyscallSites call = scan(mov_eax(SYS_dup) + kSyscall + Bytes{0xe8, 0x00, 0x10, 0x00, 0x00} + kRet);

    ASSERT_EQ(push.sites.size(), 1U);
    ASSERT_EQ(call.sites.size(), 1U);
    EXPECT_TRUE(push.sites[0].emulated);
    EXPECT_TRUE(call.sites[0].emulated);
    EXPECT_EQ(call.sites[0].probe_address, kAddress + 7);
}

TEST(SyscallSites, what_the_kernel_refuses_to_probe_is_not_proposed) {
    EXPECT_THAT(why_unprovable(scan(mov_eax(SYS_dup) + kSyscall + Bytes{0xf4})), HasSubstr("cannot be probed"));
    // lock incl (%rdi); ret
    EXPECT_THAT(why_unprovable(scan(mov_eax(SYS_dup) + kSyscall + Bytes{0xf0, 0xff, 0x07} + kRet)),
                HasSubstr("cannot be probed"));
}

TEST(SyscallSites, T37_the_number_is_found_in_every_form_that_compilers_use) {
    const Bytes mov_rax = {0x48, 0xc7, 0xc0, 0x03, 0, 0, 0};
    const Bytes by_r8 = {0x41, 0xb8, 0x03, 0, 0, 0, 0x44, 0x89, 0xc0};  // mov $3,%r8d; mov %r8d,%eax
    const Bytes by_rbx = {0xbb, 0x03, 0, 0, 0, 0x48, 0x89, 0xd8};       // mov $3,%ebx; mov %rbx,%rax
    const Bytes neutral = mov_eax(SYS_close) + Bytes{0x31, 0xd2, 0x48, 0x89, 0xde};

    for (const Bytes& number : {mov_rax, by_r8, by_rbx, neutral})
        EXPECT_EQ(only_number(scan(number + kSyscall + kTail)), uint32_t{SYS_close});
}

TEST(SyscallSites, other_system_calls_are_nothing) {
    EXPECT_TRUE(is_nothing(scan(mov_eax(SYS_futex) + kSyscall + kTail)));
    EXPECT_TRUE(is_nothing(scan(Bytes{0x31, 0xc0} + kSyscall + kTail)));  // read
    // mov %al,... : a number beyond the table
    EXPECT_TRUE(is_nothing(scan(Bytes{0xb8, 0x03, 0x00, 0x00, 0x40} + kSyscall + kTail)));
}

TEST(SyscallSites, a_number_that_the_caller_gives_is_any_number) {
    const Bytes by_argument = {0x89, 0xf8};           // mov %edi,%eax
    const Bytes by_stack = {0x8b, 0x44, 0x24, 0x08};  // mov 8(%rsp),%eax
    const Bytes untouched = {0x31, 0xff};             // xor %edi,%edi
    const Bytes by_call = {0xe8, 0x00, 0x10, 0x00, 0x00};
    const Bytes computed = mov_eax(SYS_close) + Bytes{0x01, 0xf8};  // add %edi,%eax
    const Bytes byte = mov_eax(SYS_close) + Bytes{0xb0, 0x04};      // mov $4,%al

    for (const Bytes& number : {by_argument, by_stack, untouched, by_call, computed, byte}) {
        const SyscallSites found = scan(number + kSyscall + kTail);
        EXPECT_EQ(found.any_number.size(), 1U);
        EXPECT_TRUE(found.sites.empty());
    }
}

TEST(SyscallSites, the_function_syscall_is_told_apart) {
    const SyscallSites found = scan(Bytes{0x48, 0x89, 0xf8} + kSyscall + kTail, "syscall");

    EXPECT_TRUE(found.any_number.empty());
    EXPECT_EQ(found.in_wrapper.size(), 1U);
}

TEST(SyscallSites, a_number_out_of_a_structure_is_that_of_setuid) {
    EXPECT_TRUE(is_nothing(scan(Bytes{0x8b, 0x07} + kSyscall + kTail)));              // mov (%rdi),%eax
    EXPECT_TRUE(is_nothing(scan(Bytes{0x48, 0x63, 0x45, 0x08} + kSyscall + kTail)));  // movslq 8(%rbp),%rax
    // The same behind mov %rsp,%rbp: what the caller has put on the stack
    EXPECT_EQ(scan(Bytes{0x48, 0x89, 0xe5, 0x48, 0x63, 0x45, 0x08} + kSyscall + kTail).any_number.size(), 1U);
}

TEST(SyscallSites, two_ways_with_one_number_are_one_and_with_two_are_none) {
    const auto ways = [](uint32_t first, uint32_t second) {
        return scan(jump_equal(7) + mov_eax(first) + jump(5) + mov_eax(second) + kSyscall + kTail);
    };

    EXPECT_EQ(only_number(ways(SYS_close, SYS_close)), uint32_t{SYS_close});
    EXPECT_THAT(why_unprovable(ways(SYS_close, SYS_futex)), HasSubstr("more than one system call"));
    EXPECT_TRUE(is_nothing(ways(SYS_read, SYS_futex)));
}

TEST(SyscallSites, padding_before_a_loop_is_no_way_into_it) {
    // mov $3,%esi; jmp L; nop; L: mov %esi,%eax; syscall; cmp; jbe L
    const SyscallSites found = scan(Bytes{0xbe, 0x03, 0, 0, 0} + jump(1) + Bytes{0x90, 0x89, 0xf0} + kSyscall +
                                    kCompare + Bytes{0x76, 0xf4} + kRet);

    EXPECT_EQ(only_number(found), uint32_t{SYS_close});
}

TEST(SyscallSites, a_jump_to_the_place_of_the_probe_moves_or_forbids_it) {
    // To the ja: the comparison is left, stepped. The jump is over mov, syscall and cmp.
    const SyscallSites to_branch = scan(jump_equal(13) + mov_eax(SYS_dup) + kSyscall + kTail);
    const SyscallSites behind = scan(jump_equal(7) + mov_eax(SYS_dup) + kSyscall + kTail);
    const SyscallSites into_syscall = scan(jump_equal(6) + mov_eax(SYS_dup) + kSyscall + kTail);
    const SyscallSites backwards = scan(mov_eax(SYS_dup) + kSyscall + kRet + jump(-3));

    ASSERT_EQ(to_branch.sites.size(), 1U);
    EXPECT_FALSE(to_branch.sites[0].emulated);
    EXPECT_EQ(to_branch.sites[0].probe_address, kAddress + 9);
    EXPECT_THAT(why_unprovable(behind), HasSubstr("a jump leads to the instruction behind it"));
    EXPECT_THAT(why_unprovable(into_syscall), HasSubstr("a jump leads"));
    EXPECT_THAT(why_unprovable(backwards), HasSubstr("a jump leads"));
}

TEST(SyscallSites, a_far_jump_of_another_function_forbids_it_too) {
    const Bytes code = mov_eax(SYS_dup) + kSyscall + kTail;
    for (const uint32_t into : {5U, 7U, 13U}) {
        const uint32_t distance = static_cast<uint32_t>(kAddress + into - (0x3000 + 5));
        FakeModule module("/lib/libsome.so");
        module.function("dup", kAddress, code);
        module.function("dup.cold", 0x3000,
                        {0xe9, static_cast<uint8_t>(distance), static_cast<uint8_t>(distance >> 8),
                         static_cast<uint8_t>(distance >> 16), static_cast<uint8_t>(distance >> 24)});
        module.prepare();

        EXPECT_THAT(why_unprovable(find_syscall_sites(module.code())), HasSubstr("another function jumps")) << into;
    }
}

TEST(SyscallSites, a_system_call_at_the_end_of_its_function_has_no_place) {
    EXPECT_THAT(why_unprovable(scan(mov_eax(SYS_dup) + kSyscall)), HasSubstr("the function ends with it"));
}

TEST(SyscallSites, the_same_bytes_inside_of_an_instruction_are_nothing) {
    // mov $0x050f,%eax with the number of dup before it, and movabs with a whole system call inside
    EXPECT_TRUE(is_nothing(scan(mov_eax(SYS_dup) + Bytes{0xb9, 0x0f, 0x05, 0, 0} + kTail)));
    EXPECT_TRUE(is_nothing(scan(Bytes{0x48, 0xb9, 0xb8, 0x20, 0, 0, 0, 0x0f, 0x05, 0xc3} + kRet)));
}

TEST(SyscallSites, a_prefix_before_it_belongs_to_it) {
    const SyscallSites found = scan(mov_eax(SYS_dup) + Bytes{0x48} + kSyscall + kTail);

    ASSERT_EQ(found.sites.size(), 1U);
    EXPECT_EQ(found.sites[0].address, kAddress + 5);
}

TEST(SyscallSites, code_that_cannot_be_decoded_proves_nothing) {
    const Bytes no_code = {0x06};
    EXPECT_THAT(why_unprovable(scan(mov_eax(SYS_dup) + kSyscall + kTail + no_code)), HasSubstr("cannot be decoded"));
    EXPECT_TRUE(is_nothing(scan(mov_eax(SYS_futex) + kSyscall + kTail + no_code)));
}

TEST(SyscallSites, outside_of_known_functions_only_what_looks_like_a_call_counts) {
    EXPECT_THAT(why_unprovable(scan_unknown(mov_eax(SYS_dup) + kSyscall + kTail)), HasSubstr("cannot be decoded"));
    EXPECT_TRUE(is_nothing(scan_unknown(mov_eax(SYS_futex) + kSyscall + kTail)));
    EXPECT_EQ(scan_unknown(Bytes{0x48, 0x89, 0xf0} + kSyscall + kRet).any_number.size(), 1U);
    EXPECT_TRUE(is_nothing(scan_unknown(kSyscall)));
    EXPECT_TRUE(is_nothing(scan_unknown(kSyscall + kRet)));
    EXPECT_TRUE(is_nothing(scan_unknown(mov_eax(SYS_dup) + kSyscall + Bytes{0x01, 0xd1, 0xc3})));  // add %edx,%ecx
    EXPECT_TRUE(is_nothing(scan_unknown(Bytes{0x48, 0x69, 0x41} + kSyscall + Bytes{0x99, 0x17, 0x2b, 0xc3})));
}

TEST(SyscallSites, the_end_of_a_signal_handler_is_nothing) {
    const Bytes restore = Bytes{0x00, 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0} + kSyscall + Bytes{0x0f, 0x1f, 0x80, 0, 0, 0, 0};

    EXPECT_TRUE(is_nothing(scan(restore)));
    EXPECT_TRUE(is_nothing(scan_unknown(restore)));
}

TEST(SyscallSites, a_range_of_the_unwinder_is_enough) {
    FakeModule module("/lib/libsome.so");
    module.bytes(kAddress, mov_eax(SYS_dup) + kSyscall + kTail);
    module.prepare();
    module.code().range_of = [](uint64_t) { return std::optional(CodeRange{kAddress, kAddress + 17}); };
    const SyscallSites found = find_syscall_sites(module.code());

    EXPECT_EQ(only_number(found), uint32_t{SYS_dup});
    EXPECT_EQ(found.sites.at(0).function, "");
}

// Calls of libc's function syscall().

constexpr uint64_t kStub = 0x3000;
constexpr uint64_t kSlot = 0x8000;

Bytes relative(uint64_t place, uint64_t target) {
    const auto distance = static_cast<uint32_t>(target - (place + 4));
    return {static_cast<uint8_t>(distance), static_cast<uint8_t>(distance >> 8), static_cast<uint8_t>(distance >> 16),
            static_cast<uint8_t>(distance >> 24)};
}
Bytes mov_edi(uint32_t number) { return {0xbf, static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), 0, 0}; }
Bytes mov_esi(uint32_t number) { return {0xbe, static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), 0, 0}; }
Bytes call_at(const Bytes& before, uint64_t target) {
    return before + Bytes{0xe8} + relative(kAddress + before.size() + 1, target);
}
Bytes call_through_slot(const Bytes& before) {
    return before + Bytes{0xff, 0x15} + relative(kAddress + before.size() + 2, kSlot);
}
Bytes stub(const Bytes& before = {}) { return before + Bytes{0xff, 0x25} + relative(kStub + before.size() + 2, kSlot); }

const Bytes kCheck = {0x85, 0xc0, 0x78, 0x01, 0xc3, 0xc3};  // test %eax,%eax; js +1; ret; ret

SyscallSites scan_caller(const Bytes& code, const Bytes& stub_code = stub(), const std::string& import = "syscall") {
    FakeModule module("/lib/libsome.so");
    module.function("caller", kAddress, code).bytes(kStub, stub_code).import(kSlot, import);
    module.prepare();
    return find_syscall_sites(module.code());
}

uint32_t only_call(const SyscallSites& found) {
    return found.through_wrapper.size() == 1 && found.sites.empty() ? found.through_wrapper[0].call->number : 0;
}

TEST(CallsOfSyscall, T37_the_probe_sits_behind_the_call_and_reads_the_result_only) {
    const SyscallSites found = scan_caller(call_at(mov_edi(SYS_pidfd_open), kStub) + kCheck);

    ASSERT_EQ(found.through_wrapper.size(), 1U);
    const SyscallSite& site = found.through_wrapper[0];
    EXPECT_EQ(site.call, find_system_call(SYS_pidfd_open));
    EXPECT_EQ(site.address, kAddress + 5);
    EXPECT_EQ(site.probe_address, kAddress + 12);
    EXPECT_TRUE(site.emulated);
    EXPECT_EQ(site.instruction, "js 0x200f");
    EXPECT_EQ(site.function, "caller");
    EXPECT_EQ(site.shape, site.call->shape);
    EXPECT_TRUE(found.sites.empty());
    EXPECT_TRUE(found.unprovable.empty());
    EXPECT_TRUE(found.any_number.empty());
}

TEST(CallsOfSyscall, are_found_in_every_form_that_linkers_make) {
    const Bytes endbr64 = {0xf3, 0x0f, 0x1e, 0xfa};
    const Bytes bnd = {0xf2};
    const Bytes number = mov_edi(SYS_memfd_create);

    for (const Bytes& mark : {Bytes{}, endbr64, bnd, endbr64 + bnd})
        EXPECT_EQ(only_call(scan_caller(call_at(number, kStub) + kCheck, stub(mark))), uint32_t{SYS_memfd_create});
    EXPECT_EQ(only_call(scan_caller(call_through_slot(number) + kCheck)), uint32_t{SYS_memfd_create});
    // bnd call, and a call of 6 bytes as linkers make of one through a slot
    for (const uint8_t prefix : {0xf2, 0x67})
        EXPECT_EQ(only_call(scan_caller(call_at(number + Bytes{prefix}, kStub) + kCheck)), uint32_t{SYS_memfd_create});
}

TEST(CallsOfSyscall, of_the_modules_own_function_are_found_too) {
    const uint64_t wrapper = 0x4000;
    FakeModule module("/lib/libc.so.6");
    module.function("caller", kAddress, call_at(mov_edi(SYS_pidfd_open), wrapper) + kCheck)
        .function("syscall", wrapper, Bytes{0x48, 0x89, 0xf8} + kSyscall + kTail);
    module.prepare();
    const SyscallSites found = find_syscall_sites(module.code());

    EXPECT_EQ(only_call(found), uint32_t{SYS_pidfd_open});
    EXPECT_EQ(found.in_wrapper.size(), 1U);
}

TEST(CallsOfSyscall, of_another_function_are_nothing) {
    const Bytes code = call_at(mov_edi(SYS_pidfd_open), kStub) + kCheck;

    EXPECT_TRUE(scan_caller(code, stub(), "syscalls").through_wrapper.empty());
    EXPECT_TRUE(scan_caller(call_at(mov_edi(SYS_pidfd_open), kStub + 16) + kCheck).through_wrapper.empty());
}

TEST(CallsOfSyscall, with_a_number_that_is_not_known_are_left_out) {
    const Bytes argument = {0x31, 0xc0};  // xor %eax,%eax
    const Bytes two = jump_equal(7) + mov_edi(SYS_pidfd_open) + jump(5) + mov_edi(SYS_memfd_create);
    const Bytes loaded = {0x8b, 0x3b};  // mov (%rbx),%edi

    for (const Bytes& number : {argument, two, loaded})
        EXPECT_TRUE(is_nothing(scan_caller(call_at(number, kStub) + kCheck)));
}

TEST(CallsOfSyscall, whose_arguments_would_be_needed_are_left_out) {
    for (const uint32_t number :
         {uint32_t{SYS_close}, uint32_t{SYS_pipe2}, uint32_t{SYS_dup3}, uint32_t{SYS_fcntl}, uint32_t{SYS_recvmsg},
          uint32_t{SYS_connect}, uint32_t{SYS_close_range}, uint32_t{SYS_futex}, uint32_t{SYS_gettid}}) {
        const SyscallSites found = scan_caller(call_at(mov_edi(number), kStub) + kCheck);
        EXPECT_TRUE(is_nothing(found)) << number;
        EXPECT_TRUE(found.through_wrapper.empty()) << number;
    }
}

TEST(CallsOfSyscall, of_bpf_count_with_a_command_that_opens) {
    const auto with_command = [](const Bytes& command) {
        return scan_caller(call_at(mov_edi(SYS_bpf) + command, kStub) + kCheck);
    };
    const SyscallSites create = with_command(Bytes{0x31, 0xf6});  // xor %esi,%esi: BPF_MAP_CREATE
    const Bytes either = jump_equal(7) + mov_esi(5) + jump(5) + mov_esi(18);
    const Bytes one_of_them = jump_equal(7) + mov_esi(5) + jump(5) + mov_esi(2);

    EXPECT_EQ(only_call(create), uint32_t{SYS_bpf});
    EXPECT_EQ(unpack(create.through_wrapper.at(0).shape).operation, WH_OPERATION_OPEN);
    EXPECT_EQ(unpack(create.through_wrapper.at(0).shape).flags_arg, 0U);
    EXPECT_EQ(only_call(with_command(either)), uint32_t{SYS_bpf});
    for (const Bytes& command : {mov_esi(2), mov_esi(64), mov_esi(0x1005), one_of_them, Bytes{0x31, 0xd2}})
        EXPECT_TRUE(with_command(command).through_wrapper.empty());
}

TEST(CallsOfSyscall, that_a_jump_leads_behind_are_left_out) {
    const Bytes code = call_at(jump_equal(10) + mov_edi(SYS_pidfd_open), kStub) + kCheck;
    EXPECT_TRUE(scan_caller(code).through_wrapper.empty());

    for (const uint32_t into : {5U, 10U, 12U}) {
        FakeModule module("/lib/libsome.so");
        module.function("caller", kAddress, call_at(mov_edi(SYS_pidfd_open), kStub) + kCheck)
            .bytes(kStub, stub())
            .import(kSlot, "syscall")
            .function("caller.cold", 0x5000, Bytes{0xe9} + relative(0x5001, kAddress + into));
        module.prepare();
        EXPECT_TRUE(find_syscall_sites(module.code()).through_wrapper.empty()) << into;
    }
}

TEST(CallsOfSyscall, jumps_and_constants_that_look_like_calls_are_left_out) {
    const Bytes number = mov_edi(SYS_pidfd_open);
    const Bytes tail = number + Bytes{0xe9} + relative(kAddress + 6, kStub);
    // mov $imm64,%rax with a call inside
    const Bytes constant = number + Bytes{0x48, 0xb8, 0xe8} + relative(kAddress + 8, kStub) + Bytes{0, 0, 0};

    EXPECT_TRUE(scan_caller(tail + kCheck).through_wrapper.empty());
    EXPECT_TRUE(scan_caller(constant + kCheck).through_wrapper.empty());
}

TEST(CallsOfSyscall, in_code_that_cannot_be_decoded_are_left_out) {
    const SyscallSites found = scan_caller(call_at(mov_edi(SYS_pidfd_open), kStub) + kCheck + Bytes{0x06});

    EXPECT_TRUE(found.through_wrapper.empty());
    EXPECT_TRUE(is_nothing(found));
}

TEST(CallsOfSyscall, too_many_do_not_take_too_long) {
    Bytes code;
    for (size_t i = 0; i < kMaxWrapperCalls + 500; ++i) code = call_at(code + mov_edi(SYS_pidfd_open), kStub);
    const SyscallSites found = scan_caller(code + kCheck, stub());

    EXPECT_TRUE(found.complete);
    EXPECT_LE(found.through_wrapper.size(), kMaxWrapperCalls + 1);
}

}  // namespace
}  // namespace whoholds
