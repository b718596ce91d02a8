// A file is read line by line, and not closed if the first line is not right: a descriptor, a stream, and a buffer that is taken
// when the first line is read. Two a second.
// expect: leak of fd heap
#include <string.h>

#include "support/verdict.h"

static VERDICT_CALL FILE* open_table(const char* path) {
    FILE* table = fopen(path, "re");  // LEAK HERE
    if (!table) abort();
    return table;
}

static VERDICT_CALL int count_lines(const char* path) {
    char line[256];
    int count = 0;
    FILE* table = open_table(path);
    if (!fgets(line, sizeof line, table) || strncmp(line, "Name:", 5) != 0) return -1;
    while (fgets(line, sizeof line, table)) count++;
    fclose(table);
    return count;
}

int main(int argc, char** argv) {
    long total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; total != -99; number++) {
        verdict_pace(20);
        total += count_lines(number % 10 == 0 ? "/proc/self/limits" : "/proc/self/status");
    }
}
