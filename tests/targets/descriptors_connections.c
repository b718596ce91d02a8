// The call sites of descriptors_puppet for sockets, and the connections that it makes to itself and to tests.
//   port              the port of its own listener on 127.0.0.1
//   connect PORT N    N connections to 127.0.0.1:PORT that stay
//   backlog SIZE N    a listener of its own with room for SIZE, and N connections that nobody accepts
//   half_open         a connection that waits for an answer that does not come
//   refused N         N connects to a port where nobody listens
//   queued BYTES      an accepted connection with as many bytes to be read
//   unsent            a connection whose peer does not read: bytes that are not acknowledged
//   deleted SIZE      a file of that size that is open and has no name any more
#include "descriptors_common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void fill_loopback(struct sockaddr_in* address, unsigned port) {
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((unsigned short)port);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static unsigned port_of(int descriptor) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(descriptor, (struct sockaddr*)&address, &size) != 0) return 0;
    return ntohs(address.sin_port);
}

static int last_listener = -1;
static int listener_backlog = 64;
static unsigned client_port;
static int last_client = -1;

WH_SITE void site_listen(void) {
    struct sockaddr_in address;
    fill_loopback(&address, 0);
    last_listener = track(SITE_listen, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (bind(last_listener, (struct sockaddr*)&address, sizeof address) != 0) track(SITE_listen, -1);
    if (listen(last_listener, listener_backlog) != 0) track(SITE_listen, -1);
}

int own_listener(void) {
    static int own = -1;
    if (own < 0) {
        site_listen();
        own = last_listener;
    }
    return own;
}

WH_SITE void site_client(void) {
    struct sockaddr_in address;
    fill_loopback(&address, client_port);
    last_client = track(SITE_client, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(last_client, (struct sockaddr*)&address, sizeof address) != 0) track(SITE_client, -1);
}

int connected_client(void) {
    client_port = port_of(own_listener());
    site_client();
    return last_client;
}

// The client goes, the accepted end stays: CLOSE_WAIT.
WH_SITE void site_accept(void) {
    int client = connected_client();
    track(SITE_accept, accept(own_listener(), NULL, NULL));
    close_tracked(client);
}

static int last_accepted = -1;

WH_SITE void site_accept4(void) {
    connected_client();
    last_accepted = track(SITE_accept4, accept4(own_listener(), NULL, NULL, SOCK_CLOEXEC));
}

WH_SITE void site_socket_tcp(void) { track(SITE_socket_tcp, socket(AF_INET, SOCK_STREAM, 0)); }
WH_SITE void site_socket_udp(void) { track(SITE_socket_udp, socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

WH_SITE void site_socket_fails(void) {
    if (socket(AF_INET, 99, 0) >= 0) track(SITE_socket_fails, -1);
}

WH_SITE void site_socketpair(void) {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return;
    track(SITE_socketpair, ends[0]);
    track(SITE_socketpair, ends[1]);
}

enum { kMaxSent = 3 };

// A message with descriptors in it, and the pair of sockets through which it goes.
struct parcel {
    char byte;
    struct iovec data;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(kMaxSent * sizeof(int))];
    struct msghdr message;
};

static int offered[2];

WH_SITE void site_offer(void) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, offered) != 0) offered[0] = offered[1] = -1;
    track(SITE_offer, offered[0]);
    track(SITE_offer, offered[1]);
}

static void wrap(struct parcel* parcel, size_t control_size) {
    memset(parcel, 0, sizeof *parcel);
    parcel->data = (struct iovec){&parcel->byte, 1};
    parcel->message.msg_iov = &parcel->data;
    parcel->message.msg_iovlen = 1;
    parcel->message.msg_control = parcel->control;
    parcel->message.msg_controllen = control_size;
}

// Sends them and makes the parcel ready to receive.
static void offer(struct parcel* parcel, const int* descriptors, size_t count) {
    site_offer();
    wrap(parcel, CMSG_SPACE(count * sizeof(int)));
    struct cmsghdr* header = CMSG_FIRSTHDR(&parcel->message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    sendmsg(offered[0], &parcel->message, 0);
    wrap(parcel, sizeof parcel->control);
}

static void take(enum site site, struct parcel* parcel, int count) {
    const struct cmsghdr* header = CMSG_FIRSTHDR(&parcel->message);
    int received[kMaxSent] = {-1, -1, -1};
    if (header) memcpy(received, CMSG_DATA(header), (size_t)count * sizeof(int));
    for (int i = 0; i < count; i++) track(site, received[i]);
    close_tracked(offered[0]);
    close_tracked(offered[1]);
}

WH_SITE void site_receive_one(void) {
    const int sent = STDIN_FILENO;
    struct parcel parcel;
    offer(&parcel, &sent, 1);
    if (recvmsg(offered[1], &parcel.message, MSG_CMSG_CLOEXEC) == 1) take(SITE_receive_one, &parcel, 1);
}

WH_SITE void site_receive_many(void) {
    const int sent[kMaxSent] = {STDIN_FILENO, own_listener(), STDOUT_FILENO};
    struct parcel parcel;
    offer(&parcel, sent, kMaxSent);
    if (recvmsg(offered[1], &parcel.message, 0) == 1) take(SITE_receive_many, &parcel, kMaxSent);
}

#ifdef DESCRIPTORS_STATIC
WH_SITE void site_getaddrinfo(void) {}  // glibc's needs its libraries
#else
WH_SITE void site_getaddrinfo(void) {
    struct addrinfo* found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo("localhost", "80", &hints, &found) == 0) freeaddrinfo(found);
}
#endif

WH_SITE void site_refused(void) {
    struct sockaddr_in address;
    fill_loopback(&address, client_port);
    int descriptor = track(SITE_refused, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(descriptor, (struct sockaddr*)&address, sizeof address) == 0) track(SITE_refused, -1);
    close_tracked(descriptor);
}

WH_SITE void site_half_open(void) {
    struct sockaddr_in address;
    fill_loopback(&address, client_port);
    int descriptor = track(SITE_half_open, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(descriptor, (struct sockaddr*)&address, sizeof address) == 0 || errno != EINPROGRESS)
        track(SITE_half_open, -1);
}

WH_SITE void site_deleted(void) {
    char path[] = "/tmp/descriptors_deleted.XXXXXX";
    last_client = track(SITE_deleted, mkstemp(path));
    unlink(path);
}

static void run_port(const char* arguments) {
    (void)arguments;
    puppet_answer("DONE %u", port_of(own_listener()));
}

static void run_connect(const char* arguments) {
    int count = 0;
    if (sscanf(arguments, "%u %d", &client_port, &count) != 2) count = 0;
    for (int i = 0; i < count; i++) site_client();
    puppet_answer("DONE");
}

static int listen_with(int backlog) {
    listener_backlog = backlog;
    site_listen();
    client_port = port_of(last_listener);
    return last_listener;
}

static void run_backlog(const char* arguments) {
    int backlog = 0;
    int count = 0;
    if (sscanf(arguments, "%d %d", &backlog, &count) != 2) return puppet_answer("FAIL SIZE N");
    listen_with(backlog);
    for (int i = 0; i < count; i++) site_client();
    puppet_answer("DONE %u", client_port);
}

// A queue that is full drops what would begin a connection, so its first packet stays without an answer.
static void run_half_open(const char* arguments) {
    (void)arguments;
    listen_with(0);
    site_client();
    site_half_open();
    puppet_answer("DONE %u", client_port);
}

static void run_refused(const char* arguments) {
    close_tracked(listen_with(1));
    for (int i = 0; i < atoi(arguments); i++) site_refused();
    puppet_answer("DONE %u", client_port);
}

static void run_queued(const char* arguments) {
    static const char bytes[4096];
    const size_t size = (size_t)atoi(arguments) % sizeof bytes;
    site_accept4();
    const ssize_t sent = write(last_client, bytes, size);
    int ready = 0;
    while (ready < sent && ioctl(last_accepted, FIONREAD, &ready) == 0) {}
    puppet_answer("DONE %d", ready);
}

static void run_unsent(const char* arguments) {
    (void)arguments;
    static const char bytes[1 << 16];
    site_accept4();
    fcntl(last_client, F_SETFL, O_NONBLOCK);
    long total = 0;
    for (ssize_t sent = 0; sent >= 0; sent = write(last_client, bytes, sizeof bytes)) total += sent;
    puppet_answer("DONE %ld", total);
}

static void run_deleted(const char* arguments) {
    site_deleted();
    puppet_answer(ftruncate(last_client, atol(arguments)) == 0 ? "DONE" : "FAIL ftruncate");
}

const struct descriptor_command kConnectionCommands[] = {
    {"port", run_port},           {"connect", run_connect}, {"backlog", run_backlog},
    {"half_open", run_half_open}, {"refused", run_refused}, {"queued", run_queued},
    {"unsent", run_unsent},       {"deleted", run_deleted}, {NULL, NULL},
};
