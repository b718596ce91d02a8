// Threads for short jobs are joined, but the buffer that each keeps for itself has no destructor. Four a second.
// expect: leak of heap
#include <pthread.h>
#include <string.h>

#include "support/verdict.h"

static pthread_key_t buffer_key;

static VERDICT_CALL char* own_buffer(void) {
    char* buffer = pthread_getspecific(buffer_key);
    if (buffer) return buffer;
    buffer = calloc(1, 8192);  // LEAK HERE
    if (!buffer) abort();
    pthread_setspecific(buffer_key, buffer);
    return buffer;
}

static void* format_page(void* argument) {
    snprintf(own_buffer(), 8192, "page %u", *(unsigned*)argument);
    return (void*)strlen(own_buffer());
}

static VERDICT_CALL void handle_request(unsigned number) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, format_page, &number) != 0) abort();
    pthread_join(thread, NULL);
}

int main(int argc, char** argv) {
    pthread_key_create(&buffer_key, NULL);
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(4);
        handle_request(number);
    }
}
