// Functions of every call shape, to be probed. What they return is decided by the test, so that each outcome can be made.
#pragma once

#include <csetjmp>
#include <cstdint>

namespace whoholds::fake {

extern uint64_t next_result;   // what the next call returns
extern uint64_t next_out;      // what acquire_out stores
extern void (*during_call)();  // run inside of the next call, then cleared

uint64_t acquire(uint64_t size);
uint64_t acquire_other(uint64_t size);
uint64_t acquire_product(uint64_t count, uint64_t size);
int acquire_out(uint64_t* out, uint64_t alignment, uint64_t size);
uint64_t reacquire(uint64_t old_key, uint64_t size);
uint64_t resize(uint64_t key, uint64_t size);
void release(uint64_t key);
uint64_t map(uint64_t address, uint64_t size, int protection, int flags);
int unmap(uint64_t address, uint64_t size);
uint64_t remap(uint64_t address, uint64_t old_size, uint64_t new_size, int flags);

}  // namespace whoholds::fake

// Acquires like operator new: may throw. Its return is seen by a probe on its ret instruction.
extern "C" uint64_t wh_fake_acquire_by_ret(uint64_t size);
extern "C" const char wh_fake_ret_of_acquire[];

// Has a return probe and jumps into the code of wh_fake_acquire_by_ret, as the slow paths of allocators do.
extern "C" uint64_t wh_fake_acquire_by_jump(uint64_t size);

// Jumps to acquire_other(size + 1): both are entered with the same stack pointer, and return together.
extern "C" uint64_t wh_fake_acquire_by_tail_call(uint64_t size);
