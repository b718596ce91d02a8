// Runs a command a second with popen and closes the stream never: a pipe, a stream and a child that nobody waits for.
// expect: leak of fd heap
#include "support/verdict.h"

static VERDICT_CALL double load_average(void) {
    double load = 0;
    FILE* output = popen("cat /proc/loadavg", "re");  // LEAK HERE
    if (!output) return -1;
    if (fscanf(output, "%lf", &load) != 1) return -1;
    return load;
}

static VERDICT_CALL void report_health(void) {
    char* line = NULL;
    if (asprintf(&line, "load %.2f", load_average()) > 0) free(line);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(1);
        report_health();
    }
}
