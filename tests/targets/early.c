// early: allocates in a constructor and in main, and exits with status 7: for `whoholds run`, which must see the first call.
#include <stdlib.h>

#include "puppet.h"

static void* kept[2];

static WH_SITE void* early_constructor_site(void) {
    void* block = malloc(1401);
    WH_KEEP(block);
    return block;
}

static WH_SITE void* early_main_site(void) {
    void* block = malloc(1403);
    WH_KEEP(block);
    return block;
}

__attribute__((constructor)) static void allocate_early(void) { kept[0] = early_constructor_site(); }

int main(void) {
    kept[1] = early_main_site();
    _exit(7);
}
