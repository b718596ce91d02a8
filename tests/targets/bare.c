// bare: a process without any allocator, or library: answers DONE and waits for the end of its input. Built for 64 and 32 bits.
enum { kRead32 = 3, kWrite32 = 4, kExit32 = 1, kRead64 = 0, kWrite64 = 1, kExit64 = 60 };

#ifdef __x86_64__
static long call_kernel(long number, long first, void* second, long third) {
    long result = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}
#define NUMBER(name) k##name##64
#else
static long call_kernel(long number, long first, void* second, long third) {
    long result = 0;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory");
    return result;
}
#define NUMBER(name) k##name##32
#endif

void _start(void) {
    static char answer[] = "DONE ready\n";
    static char byte;
    call_kernel(NUMBER(Write), 1, answer, sizeof answer - 1);
    while (call_kernel(NUMBER(Read), 0, &byte, 1) > 0) {}
    call_kernel(NUMBER(Exit), 0, 0, 0);
}
