// A log file that is closed, renamed and opened again every four seconds.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

static char folder[] = "/tmp/verdict-log-XXXXXX";
static char current[64], previous[64];
static FILE* log_file;

static VERDICT_CALL void open_log(void) {
    log_file = fopen(current, "we");
    if (!log_file) abort();
    setvbuf(log_file, NULL, _IOFBF, 16384);
}

static VERDICT_CALL void rotate(void) {
    fclose(log_file);
    if (rename(current, previous) != 0) perror("rename");
    open_log();
}

static VERDICT_CALL void handle_request(unsigned number) {
    char* line = NULL;
    if (asprintf(&line, "request %u from 127.0.0.1 took %u us\n", number, verdict_between(100, 5000)) < 0) return;
    fputs(line, log_file);
    free(line);
}

static void clean_up(void) {
    unlink(current);
    unlink(previous);
    rmdir(folder);
}

int main(int argc, char** argv) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (!mkdtemp(folder)) return 3;
    snprintf(current, sizeof current, "%s/log", folder);
    snprintf(previous, sizeof previous, "%s/log.1", folder);
    open_log();
    verdict_start(argc, argv);
    for (unsigned number = 0; poll(&input, 1, 5) == 0; number++) {
        handle_request(number);
        if (number % 800 == 799) rotate();
    }
    clean_up();
}
