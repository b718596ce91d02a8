// Runs a program three times a second, reads what it prints from a pipe and waits for it.
// expect: quiet
#include <fcntl.h>
#include <sys/wait.h>

#include "support/verdict.h"

static VERDICT_CALL pid_t start_child(int* output) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) abort();
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/bin/echo", "echo", "done", (char*)NULL);
        _exit(127);
    }
    close(ends[1]);
    *output = ends[0];
    return child;
}

static VERDICT_CALL size_t run_child(void) {
    int output = -1;
    char* text = malloc(4096);
    const pid_t child = start_child(&output);
    const ssize_t size = text ? read(output, text, 4096) : 0;
    close(output);
    waitpid(child, NULL, 0);
    free(text);
    return size > 0 ? (size_t)size : 0;
}

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(3);
        total += run_child();
        if (total == (size_t)-1) break;
    }
}
