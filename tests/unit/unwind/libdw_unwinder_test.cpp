// Unwinds this very process, and compares with what libgcc's unwinder says of the same place.
#include "unwind/libdw_unwinder.h"

#include <alloca.h>
#include <gtest/gtest.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>

#include "proc/process_memory.h"

// Fills in the registers as they are right behind its own return.
asm(R"(
    .text
    .globl wh_capture_registers
    .type wh_capture_registers, @function
wh_capture_registers:
    .cfi_startproc
    mov (%rsp), %rax
    mov %rax, 0(%rdi)
    lea 8(%rsp), %rax
    mov %rax, 8(%rdi)
    mov %rbp, 16(%rdi)
    mov %rbx, 24(%rdi)
    mov %r12, 32(%rdi)
    mov %r13, 40(%rdi)
    mov %r14, 48(%rdi)
    mov %r15, 56(%rdi)
    ret
    .cfi_endproc
    .size wh_capture_registers, .-wh_capture_registers

    .globl wh_call_without_information
    .type wh_call_without_information, @function
wh_call_without_information:
    push %rbp
    mov %rsp, %rbp
    sub $32, %rsp
    call *%rdi
    leave
    ret
    .size wh_call_without_information, .-wh_call_without_information
)");
extern "C" void wh_capture_registers(whoholds::CalleeSavedRegisters* registers);
extern "C" void wh_call_without_information(void (*function)());

namespace whoholds {
namespace {

struct Captured {
    CalleeSavedRegisters registers;
    std::vector<uint8_t> stack;
    std::vector<uint64_t> expected;  // by libgcc
    std::vector<Mapping> mappings;

    [[nodiscard]] StackCopy copy() const { return {.registers = registers, .bytes = stack}; }
};

Captured captured;

_Unwind_Reason_Code keep_frame(_Unwind_Context* context, void*) {
    int is_exact = 0;
    const uint64_t pc = _Unwind_GetIPInfo(context, &is_exact);
    if (pc != 0) captured.expected.push_back(pc | (is_exact ? WH_FRAME_EXACT : 0));
    return _URC_NO_REASON;
}

__attribute__((noipa)) void capture() {
    captured = {};
    wh_capture_registers(&captured.registers);
    _Unwind_Backtrace(keep_frame, nullptr);
    captured.mappings = *read_maps(ProcRoot{}, getpid());
    for (const Mapping& mapping : captured.mappings) {
        const uint64_t from = captured.registers.rsp;
        if (from < mapping.start || from >= mapping.end) continue;
        auto memory = ProcessMemory::open(ProcRoot{}, getpid());
        captured.stack = *memory->read(from, mapping.end - from);
    }
    // libgcc saw capture() at another call.
    if (!captured.expected.empty()) captured.expected[0] = captured.registers.rip;
}

UnwindFiles own_files() {
    UnwindFiles files;
    files.open = [](const Mapping& mapping) { return ElfImage::open(mapping.path); };
    files.read_memory = [](const Mapping& mapping) -> Result<std::vector<uint8_t>> {
        WH_TRY(auto memory, ProcessMemory::open(ProcRoot{}, getpid()));
        return memory.read(mapping.start, mapping.end - mapping.start);
    };
    return files;
}

UnwoundStack unwind_captured(UnwindFiles files = own_files()) {
    LibdwUnwinder unwinder(std::move(files));
    unwinder.reset(captured.mappings);
    return unwinder.unwind(captured.copy());
}

template <int kDepth>
struct Deep {
    __attribute__((noipa)) static int go(int x) {
        volatile char local[16 + kDepth * 24 % 120];
        local[0] = static_cast<char>(x);
        return Deep<kDepth - 1>::go(x + 1) + local[0];
    }
};
template <>
struct Deep<0> {
    __attribute__((noipa)) static int go(int x) {
        capture();
        return x;
    }
};

__attribute__((noipa)) int on_aligned_stack(int size) {
    alignas(64) volatile char aligned[128];
    auto* more = static_cast<char*>(alloca(static_cast<size_t>(size)));
    std::memset(more, size, static_cast<size_t>(size));
    aligned[5] = more[size / 2];
    const std::function<int(int)> descend = [&](int left) { return left > 0 ? descend(left - 1) + 1 : Deep<3>::go(1); };
    return descend(3) + aligned[5];
}

__attribute__((noipa)) int recurse(int left) {
    if (left == 0) {
        capture();
        return 0;
    }
    int below = recurse(left - 1);
    asm volatile("" : "+r"(below));  // else the compiler makes a loop of it
    return below + 1;
}

std::vector<uint64_t> first(const std::vector<uint64_t>& frames, size_t count) {
    return {frames.begin(), frames.begin() + static_cast<ptrdiff_t>(std::min(count, frames.size()))};
}

TEST(LibdwUnwinderTest, equals_libgcc_through_templates_lambdas_and_realigned_frames) {
    on_aligned_stack(Deep<20>::go(1));
    EXPECT_EQ(unwind_captured().frames, captured.expected);

    on_aligned_stack(100);
    const UnwoundStack stack = unwind_captured();

    EXPECT_EQ(stack.frames, captured.expected);
    EXPECT_EQ(stack.status, WH_STACK_DONE);
    EXPECT_GT(stack.frames.size(), 15u);
}

TEST(LibdwUnwinderTest, goes_through_a_signal_handler_to_what_was_interrupted) {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { Deep<2>::go(1); };
    sigaction(SIGUSR1, &action, &before);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, nullptr);
    const UnwoundStack stack = unwind_captured();

    EXPECT_EQ(stack.frames, captured.expected);
    EXPECT_EQ(stack.status, WH_STACK_DONE);
    EXPECT_EQ(std::count_if(stack.frames.begin(), stack.frames.end(),
                            [](uint64_t frame) { return (frame & WH_FRAME_EXACT) != 0; }),
              1);
}

TEST(LibdwUnwinderTest, ends_where_a_thread_begins) {
    std::thread([] { Deep<4>::go(1); }).join();
    const UnwoundStack stack = unwind_captured();

    EXPECT_EQ(stack.frames, captured.expected);
    EXPECT_EQ(stack.status, WH_STACK_DONE);
}

TEST(LibdwUnwinderTest, ends_where_a_coroutine_begins) {
    static ucontext_t main_context;
    static ucontext_t coroutine;
    alignas(16) static char stack[1 << 16];  // not on the heap, which may be more than is copied
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof(stack);
    coroutine.uc_link = &main_context;
    makecontext(
        &coroutine, [] { Deep<4>::go(1); }, 0);
    swapcontext(&main_context, &coroutine);
    const UnwoundStack unwound = unwind_captured();

    EXPECT_EQ(unwound.status, WH_STACK_DONE);
    EXPECT_EQ(first(unwound.frames, captured.expected.size()), first(captured.expected, unwound.frames.size()));
}

TEST(LibdwUnwinderTest, a_copy_cut_short_is_a_failed_read) {
    Deep<20>::go(1);
    const UnwoundStack whole = unwind_captured();
    for (size_t size : {size_t{0}, size_t{8}, size_t{200}, size_t{700}, size_t{1003}}) {
        captured.stack.resize(size);
        const UnwoundStack cut = unwind_captured();

        EXPECT_EQ(cut.status, WH_STACK_READ_FAILED) << size;
        EXPECT_LT(cut.frames.size(), whole.frames.size());
        EXPECT_EQ(cut.frames, first(whole.frames, cut.frames.size()));
        captured.stack.clear();
        Deep<20>::go(1);
    }
}

TEST(LibdwUnwinderTest, code_without_information_is_not_guessed_at) {
    wh_call_without_information([] { Deep<2>::go(1); });
    const UnwoundStack stack = unwind_captured();

    EXPECT_EQ(stack.status, WH_STACK_NO_INFORMATION);
    EXPECT_EQ(stack.frames, captured.expected) << "libgcc ends there, too";
}

TEST(LibdwUnwinderTest, frame_pointers_count_only_where_they_are_vouched_for) {
    wh_call_without_information([] { Deep<2>::go(1); });
    auto files = own_files();
    files.frame_pointers = [](const Mapping&, uint64_t) { return FramePointers::kYes; };
    const UnwoundStack sure = unwind_captured(files);
    files.frame_pointers = [](const Mapping&, uint64_t) { return FramePointers::kPerhaps; };
    const UnwoundStack perhaps = unwind_captured(files);

    EXPECT_EQ(sure.status, WH_STACK_DONE);
    EXPECT_EQ(perhaps.status, WH_STACK_FRAME_POINTERS);
    EXPECT_EQ(perhaps.frames, sure.frames);
    EXPECT_GT(sure.frames.size(), captured.expected.size() + 3);
}

TEST(LibdwUnwinderTest, returns_that_a_probe_replaced_are_put_back) {
    Deep<8>::go(1);
    const UnwoundStack whole = unwind_captured();
    const uint64_t taken = whole.frames[4];
    constexpr uint64_t kTrampoline = 0x7fffffffe000;
    ReplacedReturn replaced{.place = 0, .address = taken};
    for (size_t at = 0; at + 8 <= captured.stack.size() && replaced.place == 0; at += 8) {
        if (std::memcmp(captured.stack.data() + at, &taken, 8) != 0) continue;
        std::memcpy(captured.stack.data() + at, &kTrampoline, 8);
        replaced.place = captured.registers.rsp + at;
    }
    LibdwUnwinder unwinder(own_files());
    unwinder.reset(captured.mappings);
    StackCopy copy = captured.copy();
    EXPECT_EQ(unwinder.unwind(copy).status, WH_STACK_NO_MAPPING);
    copy.replaced = {&replaced, 1};

    EXPECT_EQ(unwinder.unwind(copy).frames, whole.frames);
}

TEST(LibdwUnwinderTest, deeper_than_the_record_is_said) {
    recurse(300);
    const UnwoundStack stack = unwind_captured();

    EXPECT_EQ(stack.status, WH_STACK_TOO_DEEP);
    EXPECT_EQ(stack.frames, first(captured.expected, WH_STACK_MAX_FRAMES));
}

TEST(LibdwUnwinderTest, code_that_is_mapped_no_more_is_said) {
    Deep<2>::go(1);
    LibdwUnwinder unwinder(own_files());
    unwinder.reset(captured.mappings);
    EXPECT_EQ(unwinder.unwind(captured.copy()).status, WH_STACK_DONE);
    unwinder.reset({});
    const UnwoundStack stack = unwinder.unwind(captured.copy());

    EXPECT_EQ(stack.status, WH_STACK_NO_MAPPING);
    EXPECT_EQ(stack.frames.size(), 1u);
}

TEST(LibdwUnwinderTest, a_file_that_cannot_be_opened_is_noted) {
    Deep<2>::go(1);
    auto files = own_files();
    files.open = [](const Mapping&) -> Result<ElfImage> { return Error{ErrorCode::kPermission, "no way in"}; };
    LibdwUnwinder unwinder(files);
    unwinder.reset(captured.mappings);

    EXPECT_EQ(unwinder.unwind(captured.copy()).status, WH_STACK_NO_INFORMATION);
    EXPECT_EQ(unwinder.notes(), std::vector<std::string>{"no way in"});
}

}  // namespace
}  // namespace whoholds
