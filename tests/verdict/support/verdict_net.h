// The other ends of connections on loopback, in a child process, which is not watched. The calls of the watched process itself
// are in its own source.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "support/verdict.h"

typedef struct sockaddr_in verdict_address;

static inline int verdict_listen(verdict_address* address) {
    socklen_t size = sizeof *address;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr*)address, size) != 0 || listen(listener, 512) != 0 ||
        getsockname(listener, (struct sockaddr*)address, &size) != 0)
        _exit(3);
    return listener;
}

static inline int verdict_connect(const verdict_address* address) {
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (const struct sockaddr*)address, sizeof *address) != 0) _exit(3);
    return connection;
}

// Clients that connect, send a line, wait for the answer's first byte and hang up; before verdict_start.
static inline void verdict_fork_clients(const verdict_address* address, double per_second) {
    char answer[512];
    if (fork() != 0) return;
    for (;;) {
        verdict_pace(per_second);
        const int connection = verdict_connect(address);
        if (write(connection, "GET /item\n", 10) != 10 || read(connection, answer, sizeof answer) < 0) _exit(3);
        close(connection);
    }
}

// A server that answers each line of as many connections as there are, until the client hangs up; before verdict_start.
static inline void verdict_fork_server(int listener) {
    enum { kMost = 4096 };
    static struct pollfd polled[kMost];
    int count = 2;
    if (fork() != 0) {
        close(listener);
        return;
    }
    polled[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    polled[1] = (struct pollfd){listener, POLLIN, 0};
    while (poll(polled, (nfds_t)count, -1) > 0 && polled[0].revents == 0) {
        if (polled[1].revents != 0 && count < kMost)
            polled[count++] = (struct pollfd){accept4(listener, NULL, NULL, SOCK_CLOEXEC), POLLIN, 0};
        for (int i = 2; i < count; i++) {
            char line[512];
            if (polled[i].revents == 0) continue;
            const ssize_t size = read(polled[i].fd, line, sizeof line);
            if (size > 0 && write(polled[i].fd, line, (size_t)size) == size) continue;
            close(polled[i].fd);
            polled[i--] = polled[--count];
        }
    }
    _exit(0);
}
