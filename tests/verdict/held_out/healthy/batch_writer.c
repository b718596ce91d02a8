// Rows are collected for ten seconds, then written and freed.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kMostRows = 8000 };

static char* rows[kMostRows];
static int row_count;

static VERDICT_CALL void add_row(unsigned number) {
    char* row = NULL;
    if (row_count == kMostRows) return;
    if (asprintf(&row, "%u,%u,%*s", number, verdict_random(), (int)verdict_between(50, 700), "text") < 0) abort();
    rows[row_count++] = row;
}

static VERDICT_CALL size_t write_batch(void) {
    size_t size = 0;
    while (row_count > 0) {
        size += strlen(rows[--row_count]);
        free(rows[row_count]);
    }
    return size;
}

int main(int argc, char** argv) {
    double next_write = 10;
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; total != (size_t)-1; number++) {
        verdict_pace(300);
        add_row(number);
        if (verdict_time() < next_write) continue;
        total += write_batch();
        next_write += 10;
    }
}
