// Twelve connections, all of which are closed and opened again every six seconds.
// expect: quiet
#include "support/verdict_net.h"

enum { kConnections = 12 };

static verdict_address broker;
static int connections[kConnections];

static VERDICT_CALL int connect_one(void) {
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (const struct sockaddr*)&broker, sizeof broker) != 0) abort();
    return connection;
}

static VERDICT_CALL void reconnect(void) {
    for (int i = 0; i < kConnections; i++) {
        if (connections[i] > 0) close(connections[i]);
        connections[i] = connect_one();
    }
}

static VERDICT_CALL void publish(unsigned number) {
    char answer[64];
    const int connection = connections[number % kConnections];
    if (write(connection, "event\n", 6) != 6 || read(connection, answer, sizeof answer) <= 0) abort();
}

int main(int argc, char** argv) {
    double next = 6;
    verdict_fork_server(verdict_listen(&broker));
    verdict_start(argc, argv);
    reconnect();
    for (unsigned number = 0;; number++) {
        verdict_pace(50);
        publish(number);
        if (verdict_time() < next) continue;
        reconnect();
        next += 6;
    }
}
