// What the files of the pairs puppet share. A case knows how to make and how to free one kind of thing, each in several ways, and
// some uses of its library after which nothing is held. Libraries are opened by name: no headers and no -dev packages.
#ifndef WHOHOLDS_TESTS_PAIRS_PUPPET_H
#define WHOHOLDS_TESTS_PAIRS_PUPPET_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

struct pair_case {
    const char* name;  // of the pair in the catalogue
    const char* library;
    int ways_to_make;
    int ways_to_free;
    void* (*make)(int way);  // null: failed
    void (*free)(void* thing, int way);
    void (*use)(void);  // null: nothing to do
};

extern const struct pair_case kCryptoCases[], kNetworkCases[], kDatabaseCases[], kXmlCases[], kZlibCases[],
    kLoopCases[], kGlibCases[], kLibcCases[];  // each ends with a case without a name

// The function of this name, or the end of the puppet: a case of a library that is not open is a mistake of the test.
void* pairs_symbol(const char* name);

#define FN(result, name, ...) ((result(*)(__VA_ARGS__))pairs_symbol(#name))

#endif
