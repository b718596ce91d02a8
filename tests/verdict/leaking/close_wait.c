// A server that answers and then forgets the connection when the client hangs up: CLOSE_WAIT, three a second.
// expect: leak of socket
#include "support/verdict_net.h"

static VERDICT_CALL int next_client(int listener) {
    const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);  // LEAK HERE
    if (connection < 0) perror("accept");
    return connection;
}

static VERDICT_CALL void serve(int listener) {
    char line[200];
    const int connection = next_client(listener);
    if (connection < 0) return;
    const ssize_t size = read(connection, line, sizeof line);
    if (size > 0 && write(connection, line, (size_t)size) == size)
        return;  // kept alive, for a request that never comes
    close(connection);
}

int main(int argc, char** argv) {
    verdict_address address;
    const int listener = verdict_listen(&address);
    verdict_fork_clients(&address, 3);
    verdict_start(argc, argv);
    for (;;) {
        struct pollfd polled[] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 || polled[0].revents != 0) return 0;
        serve(listener);
    }
}
