// What the programs for Linux before 5.15 and user space agree on.
#ifndef WHOHOLDS_SHARED_OLD_KERNEL_H
#define WHOHOLDS_SHARED_OLD_KERNEL_H

#define WH_OLD_KERNEL_THREADS 4096  // of all traced processes at once
#define WH_OLD_KERNEL_PROGRAMS 32   // that are attached to probes

// In the instructions of with_cookie, to be replaced.
#define WH_PUT_COOKIE_HERE 0x57484f434f4f4b31ull
#define WH_PUT_PROGRAM_HERE 0x57484f50524f4731ull

#endif
