// What the files of the puppet `descriptors_puppet` share: its call sites, one function each, and the ledger of what each of them
// opened and what became of it. Invariant: every descriptor that the puppet opens for itself is in the ledger.
#ifndef WHOHOLDS_TESTS_DESCRIPTORS_COMMON_H
#define WHOHOLDS_TESTS_DESCRIPTORS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <netinet/in.h>

#include "puppet.h"

enum reach {
    kSeen,      // by a function of the C library that whoholds sees
    kInside,    // the library opens and closes, how often is its affair
    kIndirect,  // by a ring, or syscall() with a number from elsewhere: whoholds may learn of it at the next report only
    kByCommand,  // not by the command `all`: a part of another site, or of a command of its own
};

// X(name, reach): the function is site_NAME.
#define DESCRIPTOR_SITES(X)     \
    X(open, kSeen)              \
    X(openat, kSeen)            \
    X(creat, kSeen)             \
    X(fopen, kSeen)             \
    X(opendir, kSeen)           \
    X(mkstemp, kSeen)           \
    X(fdopen, kSeen)            \
    X(popen, kSeen)             \
    X(socket_tcp, kSeen)        \
    X(socket_udp, kSeen)        \
    X(socketpair, kSeen)        \
    X(accept, kSeen)            \
    X(accept4, kSeen)           \
    X(pipe, kSeen)              \
    X(pipe2, kSeen)             \
    X(dup, kSeen)               \
    X(dup_socket, kSeen)        \
    X(dup2_free, kSeen)         \
    X(dup2_over, kSeen)         \
    X(dup2_itself, kSeen)       \
    X(dup3, kSeen)              \
    X(dupfd, kSeen)             \
    X(dupfd_cloexec, kSeen)     \
    X(receive_one, kSeen)       \
    X(receive_many, kSeen)      \
    X(epoll, kSeen)             \
    X(eventfd, kSeen)           \
    X(timerfd, kSeen)           \
    X(signalfd, kSeen)          \
    X(inotify, kSeen)           \
    X(memfd, kSeen)             \
    X(pidfd, kSeen)             \
    X(pidfd_getfd, kSeen)       \
    X(getaddrinfo, kInside)     \
    X(open_fails, kSeen)        \
    X(socket_fails, kSeen)      \
    X(pidfd_raw, kSeen)         \
    X(openat2_raw, kSeen)       \
    X(perf_event, kSeen)        \
    X(bpf_map, kSeen)           \
    X(ring, kSeen)              \
    X(number_raw, kIndirect)    \
    X(ring_inside, kIndirect)   \
    X(ring_open, kIndirect)     \
    X(ring_accept, kIndirect)   \
    X(ring_direct, kIndirect)   \
    X(start, kByCommand)        \
    X(prepared, kByCommand)     \
    X(client, kByCommand)       \
    X(offer, kByCommand)        \
    X(listen, kByCommand)       \
    X(refused, kByCommand)      \
    X(half_open, kByCommand)    \
    X(deleted, kByCommand)      \
    X(churn_file, kByCommand)   \
    X(churn_socket, kByCommand) \
    X(churn_pipe, kByCommand)   \
    X(churn_dup, kByCommand)    \
    X(close_range, kByCommand)  \
    X(cancelled, kByCommand)    \
    X(unshared, kByCommand)     \
    X(vforked, kByCommand)      \
    X(before_exec, kByCommand)  \
    X(before_exec_cloexec, kByCommand)

enum site {
#define X(name, reach) SITE_##name,
    DESCRIPTOR_SITES(X)
#undef X
        kSites,
};

#define X(name, reach) void site_##name(void);
DESCRIPTOR_SITES(X)
#undef X

// Into the ledger; -1 with errno counts as a failure of the site. Returns the descriptor.
int track(enum site site, int descriptor);
// The same for what is closed by closing its handle (FILE*, DIR*).
void track_handle(enum site site, int descriptor, void* handle, int (*close_handle)(void*));
// Out of the ledger, as somebody is about to close it or has replaced it.
void forget(int descriptor);
// Descriptors that are no sockets and that a function of the library opened and closed again under the site's eyes.
void note_closed_inside(enum site site, unsigned count);
void close_tracked(int descriptor);
int is_tracked(int descriptor);
// What this thread has opened since the last call of forget_recent, in order.
void forget_recent(void);
void close_recent(void);

// The puppet's own listening socket on 127.0.0.1, and a new connection to it (site_client).
int own_listener(void);
int connected_client(void);
void fill_loopback(struct sockaddr_in* address, unsigned port);

struct descriptor_command {
    const char* name;
    void (*run)(const char* arguments);
};
// Ended by an entry without name.
extern const struct descriptor_command kConnectionCommands[];
extern const struct descriptor_command kProcessCommands[];
extern const struct descriptor_command kChurnCommands[];

#endif
