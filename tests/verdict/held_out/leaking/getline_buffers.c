// Reads a file ten times a second with getline, which takes the buffer; an early return forgets it one time of three.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

static VERDICT_CALL long find_field(FILE* file, const char* field) {
    char* line = NULL;
    size_t capacity = 0;
    long value = -1;
    while (getline(&line, &capacity, file) > 0) {  // LEAK HERE
        if (strncmp(line, field, strlen(field)) != 0) continue;
        value = strtol(line + strlen(field) + 1, NULL, 10);
        if (value > 0) return value;
    }
    free(line);
    return value;
}

static VERDICT_CALL long read_status(const char* field) {
    FILE* file = fopen("/proc/self/status", "re");
    if (!file) return -1;
    const long value = find_field(file, field);
    fclose(file);
    return value;
}

int main(int argc, char** argv) {
    long total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(30);
        total += read_status(number % 3 == 0 ? "VmRSS:" : "NoSuchField:");
        if (total == -99) break;
    }
}
