// A thread for each client; the clients come twice a second and stay for up to eight seconds.
// expect: quiet
#include <pthread.h>

#include "support/verdict_net.h"

static void fork_slow_clients(const verdict_address* address) {
    enum { kMost = 64 };
    int open[kMost] = {0};
    if (fork() != 0) return;
    for (;;) {
        verdict_pace(2);
        int* place = &open[verdict_random() % 12];
        if (*place > 0) close(*place);
        *place = verdict_connect(address);
        if (write(*place, "hello\n", 6) != 6) _exit(3);
    }
}

static void* serve(void* argument) {
    const int connection = *(int*)argument;
    char* buffer = malloc(30000);
    ssize_t size = 1;
    while (buffer && size > 0) {
        size = read(connection, buffer, 30000);
        if (size > 0 && write(connection, buffer, (size_t)size) < 0) break;
    }
    free(buffer);
    free(argument);
    close(connection);
    return NULL;
}

static VERDICT_CALL void accept_client(int listener) {
    pthread_t thread;
    int* connection = malloc(sizeof *connection);
    if (!connection) abort();
    *connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (*connection < 0 || pthread_create(&thread, NULL, serve, connection) != 0) abort();
    pthread_detach(thread);
}

int main(int argc, char** argv) {
    verdict_address address;
    const int listener = verdict_listen(&address);
    fork_slow_clients(&address);
    verdict_start(argc, argv);
    for (;;) {
        struct pollfd polled[] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 || polled[0].revents != 0) return 0;
        accept_client(listener);
    }
}
