// Every response is kept for a retry that never comes: 800 KiB a second.
// expect: leak of heap
#include <string.h>

#include "support/verdict.h"

enum { kResponseBytes = 4096 };

struct response {
    struct response* previous;
    size_t size;
    char text[];
};

static struct response* unsent;

static VERDICT_CALL struct response* render(unsigned request) {
    struct response* response = malloc(sizeof *response + kResponseBytes);  // LEAK HERE
    if (!response) abort();
    response->size = (size_t)snprintf(response->text, kResponseBytes, "<html>%u", request);
    memset(response->text + response->size, ' ', kResponseBytes - response->size);
    return response;
}

static VERDICT_CALL void handle_request(unsigned request) {
    char* query = strdup("q=shoes&page=2");
    struct response* response = render(request);
    response->previous = unsent;
    unsent = response;
    free(query);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned request = 0;; request++) {
        verdict_pace(200);
        handle_request(request);
    }
}
