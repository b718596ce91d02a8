// many: 16 pools, each with 8 functions that take and 8 that give back, poola_take_0 to poolp_give_7, for tests of many probe
// points. Commands: "take N", "give N": calls the first N functions of each pool.
#include <stdlib.h>

#include "puppet.h"

enum { kPools = 16, kFunctions = 8 };

static char items[kPools][kFunctions];
static int given;

// Each differs from all others, lest the compiler make one of them.
#define WH_FUNCTIONS(letter, index, i)                   \
    static WH_SITE void* pool##letter##_take_##i(void) { \
        void* item = &items[index][i];                   \
        WH_KEEP(item);                                   \
        return item;                                     \
    }                                                    \
    static WH_SITE void pool##letter##_give_##i(void* item) { given += item == &items[index][i]; }

#define WH_POOL(letter, index)                                                                              \
    WH_FUNCTIONS(letter, index, 0)                                                                          \
    WH_FUNCTIONS(letter, index, 1)                                                                          \
    WH_FUNCTIONS(letter, index, 2)                                                                          \
    WH_FUNCTIONS(letter, index, 3)                                                                          \
    WH_FUNCTIONS(letter, index, 4)                                                                          \
    WH_FUNCTIONS(letter, index, 5)                                                                          \
    WH_FUNCTIONS(letter, index, 6)                                                                          \
    WH_FUNCTIONS(letter, index, 7)                                                                          \
    static void use_pool_##letter(int count, int gives) {                                                   \
        void* (*const take[])(void) = {pool##letter##_take_0, pool##letter##_take_1, pool##letter##_take_2, \
                                       pool##letter##_take_3, pool##letter##_take_4, pool##letter##_take_5, \
                                       pool##letter##_take_6, pool##letter##_take_7};                       \
        void (*const give[])(void*) = {pool##letter##_give_0, pool##letter##_give_1, pool##letter##_give_2, \
                                       pool##letter##_give_3, pool##letter##_give_4, pool##letter##_give_5, \
                                       pool##letter##_give_6, pool##letter##_give_7};                       \
        for (int i = 0; i < count; i++) gives ? give[i](&items[index][i]) : (void)take[i]();                \
    }

WH_POOL(a, 0)
WH_POOL(b, 1)
WH_POOL(c, 2)
WH_POOL(d, 3)
WH_POOL(e, 4)
WH_POOL(f, 5)
WH_POOL(g, 6)
WH_POOL(h, 7)
WH_POOL(i, 8)
WH_POOL(j, 9)
WH_POOL(k, 10)
WH_POOL(l, 11)
WH_POOL(m, 12)
WH_POOL(n, 13)
WH_POOL(o, 14)
WH_POOL(p, 15)

int main(void) {
    void (*const use_pool[kPools])(int, int) = {use_pool_a, use_pool_b, use_pool_c, use_pool_d, use_pool_e, use_pool_f,
                                                use_pool_g, use_pool_h, use_pool_i, use_pool_j, use_pool_k, use_pool_l,
                                                use_pool_m, use_pool_n, use_pool_o, use_pool_p};
    char line[kPuppetLineMax];
    puppet_answer("DONE");
    while (puppet_read_line(line)) {
        int count = 0;
        const int gives = sscanf(line, "give %d", &count) == 1;
        if ((!gives && sscanf(line, "take %d", &count) != 1) || count < 0 || count > kFunctions) {
            puppet_answer("FAIL take N, give N, N up to %d", kFunctions);
            continue;
        }
        for (int i = 0; i < kPools; i++) use_pool[i](count, gives);
        puppet_answer("DONE");
    }
    return 0;
}
