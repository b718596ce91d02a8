// A log descriptor is duplicated for each module that is loaded again, and the old duplicate is not closed. Two a second.
// expect: leak of fd
#include <fcntl.h>

#include "support/verdict.h"

struct module {
    int log;
    char* name;
};

static struct module modules[8];

static VERDICT_CALL void attach_log(struct module* module, int log) {
    module->log = fcntl(log, F_DUPFD_CLOEXEC, 10);  // LEAK HERE
    if (module->log < 0) abort();
}

static VERDICT_CALL void reload(unsigned number, int log) {
    struct module* module = &modules[number % 8];
    free(module->name);
    module->name = NULL;
    if (asprintf(&module->name, "module %u", number) < 0) abort();
    attach_log(module, log);
}

int main(int argc, char** argv) {
    const int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(2);
        reload(number, log);
    }
}
