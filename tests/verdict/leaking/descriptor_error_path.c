// Opens and closes a file 50 times a second; one of 25 is not what was expected, and this way out does not close it.
// expect: leak of fd
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "support/verdict.h"

static VERDICT_CALL int open_checked(const char* path) {
    struct stat status;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);  // LEAK HERE
    if (descriptor < 0) return -1;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
    return descriptor;
}

static VERDICT_CALL size_t load_profile(unsigned request) {
    char text[256];
    const int descriptor = open_checked(request % 25 == 0 ? "/dev/null" : "/proc/self/status");
    if (descriptor < 0) return 0;
    const ssize_t size = read(descriptor, text, sizeof text);
    close(descriptor);
    return size > 0 ? (size_t)size : 0;
}

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned request = 0;; request++) {
        verdict_pace(50);
        total += load_profile(request);
        if (total == (size_t)-1) break;
    }
}
