// 500 short connections a second, each closed by both ends; up to 20 of them are open at once.
// expect: quiet
#include "support/verdict_net.h"

enum { kOpen = 20 };

static verdict_address service;

static VERDICT_CALL int call_service(void) {
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (const struct sockaddr*)&service, sizeof service) != 0) abort();
    if (write(connection, "ping\n", 5) != 5) abort();
    return connection;
}

static VERDICT_CALL void finish(int connection) {
    char answer[64];
    const struct linger reset = {1, 0};  // else 30,000 ports in TIME_WAIT
    if (read(connection, answer, sizeof answer) <= 0) abort();
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(connection);
}

int main(int argc, char** argv) {
    int open[kOpen];
    unsigned count = 0;
    verdict_fork_server(verdict_listen(&service));
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(500);
        if (count == kOpen || (count > 0 && number % 2 == 0)) {
            const unsigned oldest = number % count;
            finish(open[oldest]);
            open[oldest] = open[--count];
        }
        open[count++] = call_service();
    }
}
