// Writes files to /dev/shm and closes them: memory that is counted to its container, and to no process.
// expect: quiet or tmpfs page_cache
// needs: cgroup
#include <fcntl.h>
#include <string.h>

#include "support/verdict.h"

enum { kFileBytes = 512 << 10, kMostFiles = 400 };

static VERDICT_CALL void write_file(unsigned number) {
    static char block[kFileBytes];
    char name[64];
    snprintf(name, sizeof name, "/dev/shm/verdict-%d-%u", getpid(), number);
    memset(block, (int)(number & 255), sizeof block);
    const int descriptor = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (descriptor < 0 || write(descriptor, block, sizeof block) < 0) perror(name);
    if (descriptor >= 0) close(descriptor);
}

static void clean_up(void) {
    for (unsigned number = 0; number < kMostFiles; number++) {
        char name[64];
        snprintf(name, sizeof name, "/dev/shm/verdict-%d-%u", getpid(), number);
        unlink(name);
    }
}

int main(int argc, char** argv) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    verdict_start(argc, argv);
    for (unsigned number = 0; poll(&input, 1, 250) == 0; number++)
        if (number < kMostFiles) write_file(number);
    clean_up();
}
