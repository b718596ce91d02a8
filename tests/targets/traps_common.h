// What the files of the `traps` puppet share: its table of commands, and the bookkeeping of blocks by slot.
#ifndef WHOHOLDS_TESTS_TRAPS_COMMON_H
#define WHOHOLDS_TESTS_TRAPS_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "puppet.h"

struct trap_command {
    const char* name;
    void (*run)(const char* arguments);  // what follows the name on the line
};

// Ended by an entry without name.
extern const struct trap_command kHeapCommands[];
extern const struct trap_command kCallCommands[];
extern const struct trap_command kMappingCommands[];
extern const struct trap_command kProcessCommands[];

// More than any allocator gives, less than what the compiler warns about.
static inline size_t huge_size(void) {
    size_t size = (size_t)1 << 62;
    WH_KEEP(size);
    return size;
}

#endif
