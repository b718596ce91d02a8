// A watcher for each upload, which waits for a signal that is sent only when an upload fails; two a second.
// expect: leak of thread
#include <pthread.h>

#include "support/verdict.h"

struct upload {
    pthread_mutex_t mutex;
    pthread_cond_t failed;
    int has_failed;
};

static void* watch_upload(void* argument) {
    struct upload* upload = argument;
    pthread_mutex_lock(&upload->mutex);
    while (!upload->has_failed) pthread_cond_wait(&upload->failed, &upload->mutex);
    pthread_mutex_unlock(&upload->mutex);
    return NULL;
}

static VERDICT_CALL void start_watcher(struct upload* upload) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch_upload, upload) != 0) abort();  // LEAK HERE
    pthread_detach(thread);
}

static VERDICT_CALL void begin_upload(void) {
    static struct upload uploads[1 << 14];
    static unsigned count;
    struct upload* upload = &uploads[count++ % (1 << 14)];
    pthread_mutex_init(&upload->mutex, NULL);
    pthread_cond_init(&upload->failed, NULL);
    start_watcher(upload);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (;;) {
        verdict_pace(2);
        begin_upload();
    }
}
