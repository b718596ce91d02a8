// Four kinds of callers open a client of their own and close it; a fifth one, one call of ten, does not. Two clients a second stay.
// expect: leak of socket heap
#include "support/verdict_net.h"

struct client {
    int connection;
    char buffer[4000];
};

static verdict_address service;

static VERDICT_CALL struct client* client_open(void) {
    struct client* client = calloc(1, sizeof *client);
    if (!client) abort();
    client->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client->connection, (const struct sockaddr*)&service, sizeof service) != 0) abort();
    return client;
}

static VERDICT_CALL void client_call(struct client* client) {
    if (write(client->connection, "call\n", 5) != 5) abort();
    if (read(client->connection, client->buffer, sizeof client->buffer) <= 0) abort();
}

static VERDICT_CALL void client_close(struct client* client) {
    close(client->connection);
    free(client);
}

#define CALLER(name)                           \
    static VERDICT_CALL void name(void) {      \
        struct client* client = client_open(); \
        client_call(client);                   \
        client_close(client);                  \
    }
CALLER(list_articles)
CALLER(show_article)
CALLER(search)
CALLER(log_in)

static VERDICT_CALL void check_out(void) {
    struct client* client = client_open();  // LEAK HERE
    client_call(client);
}

int main(int argc, char** argv) {
    void (*const callers[])(void) = {list_articles, show_article, search, log_in};
    verdict_fork_server(verdict_listen(&service));
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(20);
        if (number % 10 == 0)
            check_out();
        else
            callers[number % 4]();
    }
}
