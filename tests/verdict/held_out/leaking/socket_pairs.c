// A pair of sockets for each job, of which only one end is closed: one a second, and a half.
// expect: leak of socket
#include <sys/socket.h>

#include "support/verdict.h"

struct channel {
    int near_end, far_end;
};

static VERDICT_CALL struct channel open_channel(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) abort();  // LEAK HERE
    return (struct channel){ends[0], ends[1]};
}

static VERDICT_CALL void run_job(unsigned number) {
    char order[32];
    struct channel channel = open_channel();
    if (write(channel.near_end, &number, sizeof number) != sizeof number) abort();
    if (read(channel.far_end, order, sizeof order) <= 0) abort();
    close(channel.near_end);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(1.5);
        run_job(number);
    }
}
