// A table that was filled before anybody looked: 5,000 entries, of which 40 a second are replaced by others.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kEntries = 5000 };

struct entry {
    unsigned number;
    char text[300];
};

static struct entry* table[kEntries];

static VERDICT_CALL struct entry* make_entry(unsigned number) {
    struct entry* entry = malloc(sizeof *entry);
    if (!entry) abort();
    entry->number = number;
    memset(entry->text, 'e', sizeof entry->text);
    return entry;
}

static VERDICT_CALL void replace(unsigned place, unsigned number) {
    struct entry* old = table[place];
    table[place] = make_entry(number);
    free(old);
}

int main(int argc, char** argv) {
    for (unsigned i = 0; i < kEntries; i++) replace(i, i);
    verdict_start(argc, argv);
    for (unsigned number = kEntries;; number++) {
        verdict_pace(40);
        replace(verdict_random() % kEntries, number);
    }
}
