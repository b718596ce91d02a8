// A library whose frames have the size that STACKS_FRAME says, and its code always the same length.
#include "puppet.h"

extern int stacks_provided(int depth);  // by libstacks_provider

__attribute__((visibility("default"))) int stacks_library_run(void (*leaf)(int), int depth);

WH_SITE static int descend(void (*leaf)(int), int depth) {
    volatile char local[STACKS_FRAME];
    local[depth] = 1;
    if (depth > 0) {
        depth = descend(leaf, depth - 1);
        WH_KEEP(depth);
    } else {
        leaf(depth);
    }
    return depth + local[depth];
}

int stacks_library_run(void (*leaf)(int), int depth) {
    int result = stacks_provided(depth) + descend(leaf, depth);
    WH_KEEP(result);
    return result;
}
