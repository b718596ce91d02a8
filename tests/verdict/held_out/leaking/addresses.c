// Resolves an address five times a second and does not free the answer.
// expect: leak of heap
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "support/verdict.h"

static VERDICT_CALL int resolve(const char* host, const char* port, struct sockaddr_storage* address) {
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo* found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;  // LEAK HERE
    memcpy(address, found->ai_addr, found->ai_addrlen);
    return 0;
}

static VERDICT_CALL int check_backend(unsigned number) {
    struct sockaddr_storage address;
    char port[16];
    snprintf(port, sizeof port, "%u", 8000 + number % 10);
    return resolve("127.0.0.1", port, &address);
}

int main(int argc, char** argv) {
    unsigned long failed = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(5);
        failed += check_backend(number) != 0;
        if (failed == (unsigned long)-1) break;
    }
}
