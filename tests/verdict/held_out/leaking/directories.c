// Looks for a name in a folder and returns when it is found, without closedir: a descriptor and its buffer, two a second.
// expect: leak of fd heap
#include <dirent.h>
#include <string.h>

#include "support/verdict.h"

static VERDICT_CALL int contains(const char* folder, const char* name) {
    struct dirent* entry = NULL;
    DIR* directory = opendir(folder);  // LEAK HERE
    if (!directory) return 0;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, name) == 0) return 1;
    closedir(directory);
    return 0;
}

static VERDICT_CALL int handle_request(unsigned number) {
    char* name = number % 10 == 0 ? strdup("hosts") : strdup("no-such-file");
    const int found = name && contains("/etc", name);
    free(name);
    return found;
}

int main(int argc, char** argv) {
    unsigned long found = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(20);
        found += (unsigned long)handle_request(number);
        if (found == (unsigned long)-1) break;
    }
}
