// The puppet whose stacks are hard to unwind: built without frame pointers, it allocates in whatever situation its scenarios can
// bring about. Used by tests/stacks. Commands: "list", "run SCENARIO TIMES", "ledger" (what the scenario `ledger` wrote down:
// the puppet's own word on where it allocated).
#ifndef WHOHOLDS_TESTS_STACKS_PUPPET_H
#define WHOHOLDS_TESTS_STACKS_PUPPET_H

#include <cstddef>
#include <cstdint>

#define WH_ALONE __attribute__((noipa))

namespace stacks {

struct Scenario {
    const char* name;
    void (*run)();
};

// Allocates, touches, frees. Its caller's frame is not the innermost one.
WH_ALONE void allocate(size_t size);

// Keeps what is done with `value` from being moved, and a call in front of it from becoming a jump.
template <class T>
inline void keep(T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

void templates();
void standard_library();
void regular_expressions();
void exceptions();
void calls_without_return();
void quick_sort();
void stack_arrays();
void realigned_frames();
void tail_calls();
void deep_recursion();
void c_library();

void fibers();
void threads();
void even_library();
void odd_library();
void raised_signals();
void interrupted_code();
void alternate_stack();

void busy_frame_pointer();
void code_without_information();

void ledger();
// The command of that name: one line of JSON.
void print_ledger();

}  // namespace stacks

extern "C" {
// In assembly. Calls function with rbp holding another value: garbage, or something that looks like a frame.
void wh_call_with_rbp(void (*function)(), uintptr_t rbp);
// Ends in the call: the return address is that of another function's first byte, whose frame is of another size. The call
// must not return.
void wh_end_with_call(void (*function)());
// Has no unwind information.
void wh_call_without_cfi(void (*function)());
// malloc(size), with the return address at wh_ledger_return.
void* wh_ledger_malloc(size_t size);
extern const char wh_ledger_return[];
}

#endif
