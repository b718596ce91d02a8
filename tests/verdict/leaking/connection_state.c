// A server that closes its connections, but keeps the state of each; 20 connections a second.
// expect: leak of heap
#include "support/verdict_net.h"

struct connection {
    int descriptor;
    struct connection* next;
    char input[3000];
};

static struct connection* connections;

static VERDICT_CALL struct connection* new_connection(int descriptor) {
    struct connection* connection = calloc(1, sizeof *connection);  // LEAK HERE
    if (!connection) abort();
    connection->descriptor = descriptor;
    connection->next = connections;
    connections = connection;
    return connection;
}

static VERDICT_CALL void serve(struct connection* connection) {
    const ssize_t size = read(connection->descriptor, connection->input, sizeof connection->input);
    char* answer = strndup(connection->input, size > 0 ? (size_t)size : 0);
    if (size > 0 && answer && write(connection->descriptor, answer, (size_t)size) < 0) perror("write");
    free(answer);
    close(connection->descriptor);
    connection->descriptor = -1;
}

static VERDICT_CALL void accept_connection(int listener) {
    const int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (descriptor >= 0) serve(new_connection(descriptor));
}

int main(int argc, char** argv) {
    verdict_address address;
    const int listener = verdict_listen(&address);
    verdict_fork_clients(&address, 20);
    verdict_start(argc, argv);
    for (;;) {
        struct pollfd polled[] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 || polled[0].revents != 0) return 0;
        accept_connection(listener);
    }
}
