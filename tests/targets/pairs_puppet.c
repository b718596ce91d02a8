// Makes and frees things of real libraries, so that what whoholds counts can be compared.
//   library CASE      answers which library the case needs
//   load LIBRARY      opens it
//   keep CASE N       makes N in kept_here, in all ways in turn, and keeps them
//   cycle CASE N      makes and frees N in dropped_here, in all ways of both in turn
//   drop CASE N       frees N of those that are kept, the oldest first
//   use CASE          uses the library in other ways, and leaves nothing
//   ways CASE         answers how many combinations of making and freeing there are
#define _GNU_SOURCE
#include "pairs_puppet.h"

#include "puppet.h"

enum { kNameMax = 128, kKeptMax = 256 };

static const struct pair_case* const kTables[] = {kCryptoCases, kNetworkCases, kDatabaseCases, kXmlCases,
                                                  kZlibCases,   kLoopCases,    kGlibCases,     kLibcCases};

static struct {
    const struct pair_case* of;
    void* thing;
} kept[kKeptMax];
static size_t kept_count;

void* pairs_symbol(const char* name) {
    void* address = dlsym(RTLD_DEFAULT, name);
    if (!address) {
        puppet_answer("FAIL no function %s", name);
        _exit(1);
    }
    return address;
}

static const struct pair_case* find_case(const char* name) {
    for (size_t i = 0; i < sizeof kTables / sizeof *kTables; i++) {
        for (const struct pair_case* each = kTables[i]; each->name; each++) {
            if (strcmp(each->name, name) == 0) return each;
        }
    }
    return NULL;
}

WH_SITE void* kept_here(const struct pair_case* of, int way) {
    void* thing = of->make(way);
    WH_KEEP(thing);
    return thing;
}

WH_SITE void* dropped_here(const struct pair_case* of, int way) {
    void* thing = of->make(way);
    WH_KEEP(thing);
    return thing;
}

static int keep(const struct pair_case* of, int count) {
    for (int i = 0; i < count; i++) {
        if (kept_count == kKeptMax) return 0;
        void* thing = kept_here(of, i % of->ways_to_make);
        if (!thing) return 0;
        kept[kept_count].of = of;
        kept[kept_count++].thing = thing;
    }
    return 1;
}

static int cycle(const struct pair_case* of, int count) {
    for (int i = 0; i < count; i++) {
        void* thing = dropped_here(of, i % of->ways_to_make);
        if (!thing) return 0;
        of->free(thing, i / of->ways_to_make % of->ways_to_free);
    }
    return 1;
}

static int drop(const struct pair_case* of, int count) {
    for (size_t i = 0; i < kept_count && count > 0; i++) {
        if (kept[i].of != of || !kept[i].thing) continue;
        of->free(kept[i].thing, --count % of->ways_to_free);
        kept[i].thing = NULL;
    }
    return count == 0;
}

static void obey(const char* line) {
    char word[16], name[kNameMax];
    int count = 0;
    const int words = sscanf(line, "%15s %127s %d", word, name, &count);
    if (words >= 2 && strcmp(word, "library") == 0 && find_case(name)) {
        puppet_answer("DONE %s", find_case(name)->library);
        return;
    }
    if (words >= 2 && strcmp(word, "load") == 0) {
        puppet_answer(dlopen(name, RTLD_NOW | RTLD_GLOBAL) ? "DONE" : "FAIL cannot load %s", name);
        return;
    }
    const struct pair_case* of = words >= 2 ? find_case(name) : NULL;
    int done = 0;
    if (!of) {
        puppet_answer("FAIL unknown command: %s", line);
        return;
    }
    if (strcmp(word, "keep") == 0) done = keep(of, count);
    if (strcmp(word, "cycle") == 0) done = cycle(of, count);
    if (strcmp(word, "drop") == 0) done = drop(of, count);
    if (strcmp(word, "use") == 0) {
        if (of->use) of->use();
        done = 1;
    }
    if (strcmp(word, "ways") == 0) {
        puppet_answer("DONE %d", of->ways_to_make * of->ways_to_free);
        return;
    }
    puppet_answer(done ? "DONE" : "FAIL %s", line);
}

int main(void) {
    static char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line)) {
        if (strcmp(line, "quit") == 0) break;
        obey(line);
    }
    _exit(0);
}
