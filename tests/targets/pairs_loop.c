// libuv, for the pairs puppet. Handles are memory of the caller's; uv_close frees it in its callback.
#include <unistd.h>

#include "pairs_puppet.h"

enum { kLoopBytes = 4096, kHandleBytes = 2048 };

static void* make_loop(int way) {
    (void)way;
    void* loop = calloc(1, kLoopBytes);
    FN(int, uv_loop_init, void*)(loop);
    return loop;
}

static void free_handle_memory(void* handle) { free(handle); }

static void close_handle(void* handle) { FN(void, uv_close, void*, void (*)(void*))(handle, free_handle_memory); }

static int run(void* loop) { return FN(int, uv_run, void*, int)(loop, 0); }

static void free_loop(void* loop, int way) {
    if (way == 1) {  // refused while a handle is open
        void* timer = calloc(1, kHandleBytes);
        FN(int, uv_timer_init, void*, void*)(loop, timer);
        FN(int, uv_loop_close, void*)(loop);
        close_handle(timer);
        run(loop);
    }
    FN(int, uv_loop_close, void*)(loop);
    free(loop);
}

static void* shared_loop(void) {
    static void* loop;
    if (!loop) loop = make_loop(0);
    return loop;
}

static void* make_handle(int way) {
    void* loop = shared_loop();
    void* handle = calloc(1, kHandleBytes);
    typedef int init(void*, void*, ...);
    static const char* const kNames[] = {"uv_tcp_init",     "uv_udp_init",      "uv_timer_init",
                                         "uv_prepare_init", "uv_check_init",    "uv_idle_init",
                                         "uv_signal_init",  "uv_fs_event_init", "uv_fs_poll_init"};
    switch (way) {
        case 9: FN(int, uv_pipe_init, void*, void*, int)(loop, handle, 0); break;
        case 10: FN(int, uv_async_init, void*, void*, void*)(loop, handle, NULL); break;
        case 11: FN(int, uv_tcp_init_ex, void*, void*, unsigned)(loop, handle, 2); break;
        case 12: FN(int, uv_udp_init_ex, void*, void*, unsigned)(loop, handle, 2); break;
        default: ((init*)pairs_symbol(kNames[way]))(loop, handle); break;
    }
    return handle;
}

static void free_handle(void* handle, int way) {
    (void)way;
    close_handle(handle);
    FN(int, uv_run, void*, int)(shared_loop(), 2 /* what is ready */);
}

static int closed;

static void note_closed(void* handle) {
    free(handle);
    closed = 1;
}

// A poller of a file has a timer of its own; a loop has a handle of its own.
static void use_handles(void) {
    void* poll = make_handle(8);
    FN(int, uv_fs_poll_start, void*, void*, const char*, unsigned)(poll, NULL, "/", 60000);
    closed = 0;
    FN(void, uv_close, void*, void (*)(void*))(poll, note_closed);
    while (!closed) FN(int, uv_run, void*, int)(shared_loop(), 1 /* until something happens */);
    free_loop(make_loop(0), 0);
}

const struct pair_case kLoopCases[] = {
    {"uv_loop", "libuv.so.1", 1, 2, make_loop, free_loop, NULL},
    {"uv_handle", "libuv.so.1", 13, 1, make_handle, free_handle, use_handles},
    {0},
};
