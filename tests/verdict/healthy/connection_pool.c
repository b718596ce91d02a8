// A pool of connections to a database, which grows on demand to 24 within 20 seconds and stays.
// expect: quiet
#include "support/verdict_net.h"

enum { kMostConnections = 24 };

struct pooled {
    int descriptor;
    char buffer[8000];
};

static struct pooled* pool[kMostConnections];
static int pooled_count;
static verdict_address database;

static VERDICT_CALL struct pooled* connect_one(void) {
    struct pooled* connection = calloc(1, sizeof *connection);
    if (!connection) abort();
    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->descriptor, (const struct sockaddr*)&database, sizeof database) != 0) abort();
    return connection;
}

static VERDICT_CALL struct pooled* take(void) {
    if (pooled_count < kMostConnections && verdict_time() > pooled_count * 20.0 / kMostConnections)
        pool[pooled_count++] = connect_one();
    return pool[verdict_random() % (unsigned)pooled_count];
}

static VERDICT_CALL void query(void) {
    struct pooled* connection = take();
    if (write(connection->descriptor, "select 1\n", 9) != 9) abort();
    if (read(connection->descriptor, connection->buffer, sizeof connection->buffer) <= 0) abort();
}

int main(int argc, char** argv) {
    verdict_fork_server(verdict_listen(&database));
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(100);
        query();
    }
}
