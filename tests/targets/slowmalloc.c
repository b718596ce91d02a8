// libslowmalloc.so, to be preloaded: malloc that blocks inside on demand, so that a thread can be made to leave it by longjmp
// or to die in it. Otherwise it is the C library's. Used by the `traps` puppet through slow_malloc_arm.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t size);

// Set: the next malloc of this thread sets *armed to 1, wakes who waits for that, and blocks until *armed is 2.
static __thread int* armed;

__attribute__((visibility("default"))) void slow_malloc_arm(int* state) { armed = state; }

__attribute__((visibility("default"))) void* malloc(size_t size) {
    int* state = armed;
    if (state) {
        armed = NULL;
        __atomic_store_n(state, 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, state, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (__atomic_load_n(state, __ATOMIC_SEQ_CST) != 2) {
            syscall(SYS_futex, state, FUTEX_WAIT, 1, NULL, NULL, 0);
        }
    }
    return __libc_malloc(size);
}
