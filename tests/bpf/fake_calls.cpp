#include "fake_calls.h"

#include <utility>

namespace whoholds::fake {

uint64_t next_result = 0;
uint64_t next_out = 0;
void (*during_call)() = nullptr;

namespace {

uint64_t finish() {
    if (during_call) std::exchange(during_call, nullptr)();
    asm volatile("" ::: "memory");
    return next_result;
}

}  // namespace

// Arguments reach the function in registers and are read by the probe; the empty statements keep them from being dropped.
#define WH_KEEP(value) asm volatile("" ::"r"(value))

uint64_t acquire(uint64_t size) {
    WH_KEEP(size);
    return finish();
}
uint64_t acquire_other(uint64_t size) {
    WH_KEEP(size + 1);
    return finish();
}
uint64_t acquire_product(uint64_t count, uint64_t size) {
    WH_KEEP(count * size);
    return finish();
}
int acquire_out(uint64_t* out, uint64_t alignment, uint64_t size) {
    WH_KEEP(alignment + size);
    auto result = static_cast<int>(finish());
    if (result == 0 && out) *out = next_out;
    return result;
}
uint64_t reacquire(uint64_t old_key, uint64_t size) {
    WH_KEEP(old_key + size);
    return finish();
}
uint64_t resize(uint64_t key, uint64_t size) {
    WH_KEEP(key ^ size);
    return finish();
}
void release(uint64_t key) {
    WH_KEEP(key);
    finish();
}
uint64_t map(uint64_t address, uint64_t size, int protection, int flags) {
    WH_KEEP(address + size + static_cast<uint64_t>(protection + flags));
    return finish();
}
int unmap(uint64_t address, uint64_t size) {
    WH_KEEP(address - size);
    return static_cast<int>(finish());
}
uint64_t remap(uint64_t address, uint64_t old_size, uint64_t new_size, int flags) {
    WH_KEEP(address + old_size * new_size + static_cast<uint64_t>(flags));
    return finish();
}

}  // namespace whoholds::fake

// A jump instead of a call, as optimising compilers end wrappers.
asm(".text\n"
    ".globl wh_fake_acquire_by_tail_call\n"
    ".type wh_fake_acquire_by_tail_call, @function\n"
    "wh_fake_acquire_by_tail_call:\n"
    "  lea 1(%rdi), %rdi\n"
    "  jmp _ZN8whoholds4fake13acquire_otherEm\n"
    ".size wh_fake_acquire_by_tail_call, . - wh_fake_acquire_by_tail_call\n");

// Known ret instruction, and unwind information, for exceptions pass through.
extern "C" uint64_t wh_fake_finish() { return whoholds::fake::finish(); }
asm(".text\n"
    ".globl wh_fake_acquire_by_ret\n"
    ".type wh_fake_acquire_by_ret, @function\n"
    "wh_fake_acquire_by_ret:\n"
    "  .cfi_startproc\n"
    "  nop\n"
    ".Lwh_shared_slow_path:\n"
    "  sub $8, %rsp\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  call wh_fake_finish\n"
    "  add $8, %rsp\n"
    "  .cfi_adjust_cfa_offset -8\n"
    ".globl wh_fake_ret_of_acquire\n"
    "wh_fake_ret_of_acquire:\n"
    "  ret\n"
    "  .cfi_endproc\n"
    ".size wh_fake_acquire_by_ret, . - wh_fake_acquire_by_ret\n");
asm(".text\n"
    ".globl wh_fake_acquire_by_jump\n"
    ".type wh_fake_acquire_by_jump, @function\n"
    "wh_fake_acquire_by_jump:\n"
    "  .cfi_startproc\n"
    "  test %rdi, %rdi\n"
    "  jmp .Lwh_shared_slow_path\n"
    "  .cfi_endproc\n"
    ".size wh_fake_acquire_by_jump, . - wh_fake_acquire_by_jump\n");
