// libcurl, and libpq with a server that this file plays itself, for the pairs puppet.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pairs_puppet.h"

enum { kUrl = 10002 };  // CURLOPT_URL

static void* make_easy(int way) {
    void* easy = FN(void*, curl_easy_init, void)();
    if (way == 0) return easy;
    void* copy = FN(void*, curl_easy_duphandle, void*)(easy);
    FN(void, curl_easy_cleanup, void*)(easy);
    return copy;
}

static void free_easy(void* easy, int way) {
    (void)way;
    FN(void, curl_easy_cleanup, void*)(easy);
}

// A transfer that fails at once: the library makes a multi handle, URLs and lists of its own.
static void use_easy(void) {
    void* easy = make_easy(0);
    FN(int, curl_easy_setopt, void*, int, ...)(easy, kUrl, "http://127.0.0.1:1/path?query");
    FN(int, curl_easy_perform, void*)(easy);
    void* copy = FN(void*, curl_easy_duphandle, void*)(easy);
    free_easy(copy, 0);
    free_easy(easy, 0);
}

static void* make_multi(int way) {
    (void)way;
    return FN(void*, curl_multi_init, void)();
}

static void free_multi(void* multi, int way) {
    (void)way;
    FN(int, curl_multi_cleanup, void*)(multi);
}

static void* make_share(int way) {
    (void)way;
    return FN(void*, curl_share_init, void)();
}

static void free_share(void* share, int way) {
    (void)way;
    FN(int, curl_share_cleanup, void*)(share);
}

static void* make_url(int way) {
    void* url = FN(void*, curl_url, void)();
    if (way == 0) return url;
    void* copy = FN(void*, curl_url_dup, void*)(url);
    FN(void, curl_url_cleanup, void*)(url);
    return copy;
}

static void free_url(void* url, int way) {
    (void)way;
    FN(void, curl_url_cleanup, void*)(url);
}

static void* make_list(int way) {
    void* list = NULL;
    for (int i = 0; i <= way; i++) list = FN(void*, curl_slist_append, void*, const char*)(list, "text");
    return list;
}

static void free_list(void* list, int way) {
    (void)way;
    FN(void, curl_slist_free_all, void*)(list);
}

// Just enough of PostgreSQL's protocol, version 3: greets, and answers each query with an empty success or one row.
static void send_message(int fd, char type, const void* body, uint32_t size) {
    char message[256];
    const uint32_t length = htonl(size + 4);
    message[0] = type;
    memcpy(message + 1, &length, 4);
    memcpy(message + 5, body, size);
    if (write(fd, message, size + 5) < 0) close(fd);
}

static int read_exactly(int fd, void* to, size_t size) {
    char* at = to;
    while (size > 0) {
        const ssize_t got = read(fd, at, size);
        if (got <= 0) return 0;
        at += got;
        size -= (size_t)got;
    }
    return 1;
}

static void* serve_one(void* argument) {
    const int fd = (int)(intptr_t)argument;
    static const char kOk[] = {0, 0, 0, 0};
    static const char kRow[] = {0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, (char)255, (char)255, 0, 0, 0, 0, 0, 0};
    static const char kValue[] = {0, 1, 0, 0, 0, 1, 'x'};
    char body[4096];
    uint32_t length = 0;
    if (!read_exactly(fd, &length, 4) || !read_exactly(fd, body, ntohl(length) - 4)) return NULL;
    send_message(fd, 'R', kOk, 4);
    send_message(fd, 'Z', "I", 1);
    char type = 0;
    while (read_exactly(fd, &type, 1) && read_exactly(fd, &length, 4) && ntohl(length) <= sizeof body &&
           read_exactly(fd, body, ntohl(length) - 4)) {
        if (type == 'X') break;
        if (type == 'P') send_message(fd, '1', "", 0);
        if (type == 'B') send_message(fd, '2', "", 0);
        if (type == 'D' && body[0] == 'S') send_message(fd, 't', "\0\0", 2);
        if (type == 'Q' || (type == 'D')) send_message(fd, 'T', kRow, sizeof kRow);
        if (type == 'Q' || type == 'E') {
            send_message(fd, 'D', kValue, sizeof kValue);
            send_message(fd, 'C', "SELECT 1", 9);
        }
        if (type == 'Q' || type == 'S') send_message(fd, 'Z', "I", 1);
    }
    close(fd);
    return NULL;
}

static char server_folder[64];  // abstract: nothing is left behind

static void* serve(void* argument) {
    const int listening = (int)(intptr_t)argument;
    for (;;) {
        const int fd = accept(listening, NULL, NULL);
        if (fd < 0) return NULL;
        pthread_t thread;
        pthread_create(&thread, NULL, serve_one, (void*)(intptr_t)fd);
        pthread_detach(thread);
    }
}

static const char* server(void) {
    static char text[128];
    if (text[0]) return text;
    snprintf(server_folder, sizeof server_folder, "@whoholds-pairs-%d", getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", server_folder);
    address.sun_path[0] = 0;
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
    const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr*)&address, size) || listen(listening, 16)) return text;
    pthread_t thread;
    pthread_create(&thread, NULL, serve, (void*)(intptr_t)listening);
    pthread_detach(thread);
    snprintf(text, sizeof text, "host=%s user=a dbname=b", server_folder);
    return text;
}

static void* make_connection(int way) {
    static const char* const kKeys[] = {"host", "user", "dbname", NULL};
    const char* const values[] = {server_folder, "a", "b", NULL};
    const char* text = server();
    switch (way) {
        case 0: return FN(void*, PQconnectdb, const char*)(text);
        case 1: return FN(void*, PQconnectdbParams, const char* const*, const char* const*, int)(kKeys, values, 0);
        case 2: return FN(void*, PQconnectStart, const char*)(text);
        case 3: return FN(void*, PQconnectStartParams, const char* const*, const char* const*, int)(kKeys, values, 0);
        case 4:
            return FN(void*, PQsetdbLogin, const char*, const char*, const char*, const char*, const char*, const char*,
                      const char*)(server_folder, NULL, NULL, NULL, "b", "a", NULL);
        default: return FN(void*, PQconnectdb, const char*)("host=/nonexistent user=a");
    }
}

static void free_connection(void* connection, int way) {
    (void)way;
    FN(void, PQfinish, void*)(connection);
}

static void use_connections(void) { FN(int, PQping, const char*)(server()); }

static void* shared_connection(void) {
    static void* connection;
    if (!connection) connection = make_connection(0);
    return connection;
}

static void* first_result(void) {
    void* connection = shared_connection();
    void* first = NULL;
    void* result = NULL;
    FN(int, PQsendQuery, void*, const char*)(connection, "select");
    while (FN(int, PQisBusy, void*)(connection)) FN(int, PQconsumeInput, void*)(connection);
    while ((result = FN(void*, PQgetResult, void*)(connection)) != NULL) {
        if (first)
            FN(void, PQclear, void*)(result);
        else
            first = result;
    }
    return first;
}

static void* make_result(int way) {
    void* connection = shared_connection();
    switch (way) {
        case 0: return FN(void*, PQexec, void*, const char*)(connection, "select");
        case 1: return first_result();
        case 2:
            return FN(void*, PQexecParams, void*, const char*, int, const void*, const char* const*, const int*,
                      const int*, int)(connection, "select", 0, NULL, NULL, NULL, NULL, 0);
        case 3:
            return FN(void*, PQprepare, void*, const char*, const char*, int, const void*)(connection, "s", "select", 0,
                                                                                           NULL);
        case 4: return FN(void*, PQdescribePrepared, void*, const char*)(connection, "s");
        default: {
            void* empty = FN(void*, PQmakeEmptyPGresult, void*, int)(connection, 1);
            void* copy = FN(void*, PQcopyResult, const void*, int)(empty, 0);
            FN(void, PQclear, void*)(empty);
            return copy;
        }
    }
}

static void free_result(void* result, int way) {
    (void)way;
    FN(void, PQclear, void*)(result);
}

static void* make_cancel(int way) {
    (void)way;
    return FN(void*, PQgetCancel, void*)(shared_connection());
}

static void free_cancel(void* cancel, int way) {
    (void)way;
    FN(void, PQfreeCancel, void*)(cancel);
}

#define CURL_LIBRARY "libcurl.so.4"
#define PQ_LIBRARY "libpq.so.5"
const struct pair_case kNetworkCases[] = {
    {"curl_easy", CURL_LIBRARY, 2, 1, make_easy, free_easy, use_easy},
    {"curl_multi", CURL_LIBRARY, 1, 1, make_multi, free_multi, use_easy},
    {"curl_share", CURL_LIBRARY, 1, 1, make_share, free_share, use_easy},
    {"curl_url", CURL_LIBRARY, 2, 1, make_url, free_url, use_easy},
    {"curl_slist", CURL_LIBRARY, 3, 1, make_list, free_list, use_easy},
    {"PGconn", PQ_LIBRARY, 6, 1, make_connection, free_connection, use_connections},
    {"PGresult", PQ_LIBRARY, 6, 1, make_result, free_result, use_connections},
    {"PGcancel", PQ_LIBRARY, 1, 1, make_cancel, free_cancel, NULL},
    {0},
};
