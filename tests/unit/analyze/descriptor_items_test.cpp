#include "analyze/descriptor_items.h"

#include <gtest/gtest.h>

#include "unit/analyze/held_samples.h"

namespace whoholds {
namespace {

constexpr uint64_t kNow = 70 * kSecond;

ItemReport describe(const HeldDescriptor& held, std::string_view link = "", const SocketView& view = {}) {
    return describe_descriptor(held, link, kNow, view);
}

std::string type_of_link(std::string_view link, uint16_t mode = S_IFREG) {
    return describe(held_file(3, 17, mode), link).type;
}

TEST(DescriptorItems, T37_every_anonymous_inode_is_named) {
    EXPECT_EQ(type_of_link("anon_inode:[eventfd]"), "eventfd");
    EXPECT_EQ(type_of_link("anon_inode:[eventpoll]"), "epoll");
    EXPECT_EQ(type_of_link("anon_inode:[timerfd]"), "timerfd");
    EXPECT_EQ(type_of_link("anon_inode:[signalfd]"), "signalfd");
    EXPECT_EQ(type_of_link("anon_inode:inotify"), "inotify");
    EXPECT_EQ(type_of_link("anon_inode:[fanotify]"), "fanotify");
    EXPECT_EQ(type_of_link("anon_inode:[pidfd]"), "pidfd");
    EXPECT_EQ(type_of_link("anon_inode:[io_uring]"), "io_uring");
    EXPECT_EQ(type_of_link("anon_inode:bpf-map"), "bpf-map");
    EXPECT_EQ(type_of_link("anon_inode:bpf-prog"), "bpf-prog");
    EXPECT_EQ(type_of_link("anon_inode:bpf_link"), "bpf-link");
    EXPECT_EQ(type_of_link("anon_inode:[perf_event]"), "perf_event");
    EXPECT_EQ(type_of_link("anon_inode:[userfaultfd]"), "userfaultfd");
    EXPECT_EQ(type_of_link("anon_inode:"), "anonymous inode");
    // Before Linux 6.16 such an inode has no type.
    EXPECT_EQ(type_of_link("anon_inode:[eventfd]", 0), "eventfd");
    EXPECT_EQ(type_of_link("", 0), "anonymous inode");
}

TEST(DescriptorItems, T37_every_type_of_file_is_named) {
    EXPECT_EQ(type_of_link("/tmp/a", S_IFREG), "file");
    EXPECT_EQ(type_of_link("/tmp", S_IFDIR), "directory");
    EXPECT_EQ(type_of_link("/dev/null", S_IFCHR), "character device");
    EXPECT_EQ(type_of_link("/dev/sda", S_IFBLK), "block device");
    EXPECT_EQ(type_of_link("/run/fifo", S_IFIFO), "FIFO");
    EXPECT_EQ(type_of_link("pipe:[17]", S_IFIFO), "pipe");
    EXPECT_EQ(type_of_link("", S_IFIFO), "pipe");
    EXPECT_EQ(type_of_link("/tmp/link", S_IFLNK), "symbolic link");
    EXPECT_EQ(type_of_link("net:[17]"), "net namespace");
    EXPECT_EQ(type_of_link("dmabuf:"), "file");
}

TEST(DescriptorItems, files_have_name_size_and_age) {
    HeldDescriptor held = held_file(12, 17);
    held.seen.size = 4'096;

    const ItemReport item = describe(held, "/var/log/a (deleted)");

    EXPECT_EQ(item.key, 12U);
    EXPECT_TRUE(item.is_descriptor);
    EXPECT_EQ(item.name, "/var/log/a (deleted)");  // it has a link left: so the name ends
    EXPECT_FALSE(item.deleted);
    EXPECT_EQ(item.size_bytes, 4'096U);
    EXPECT_EQ(item.age_s, 60.0);
    EXPECT_EQ(item.inode, 17U);
    EXPECT_FALSE(item.receive_bytes);
}

TEST(DescriptorItems, deleted_files_are_marked) {
    const ItemReport item = describe(held_file(12, 17, S_IFREG, 0), "/var/log/a (deleted)");

    EXPECT_TRUE(item.deleted);
    EXPECT_EQ(item.name, "/var/log/a");
    EXPECT_TRUE(item.size_bytes);
}

TEST(DescriptorItems, a_memfd_is_no_deleted_file) {
    HeldDescriptor held = held_file(12, 17, S_IFREG, 0);
    held.seen.size = 99;

    const ItemReport item = describe(held, "/memfd:jit code (deleted)");

    EXPECT_EQ(item.type, "memfd");
    EXPECT_EQ(item.name, "jit code");
    EXPECT_FALSE(item.deleted);
    EXPECT_EQ(item.size_bytes, 99U);
}

TEST(DescriptorItems, before_attach_has_no_age) {
    HeldDescriptor held = held_file(12, 17);
    held.before_attach = true;

    EXPECT_EQ(describe(held, "/a").age_s, std::nullopt);
}

TEST(DescriptorItems, T37_a_link_of_a_reused_descriptor_is_not_believed) {
    EXPECT_EQ(describe(held_file(3, 17), "socket:[99]").type, "file");
    EXPECT_EQ(describe(held_file(3, 17), "socket:[99]").name, "");
    EXPECT_EQ(describe(held_file(3, 17, S_IFIFO), "pipe:[99]").name, "");
    EXPECT_EQ(describe(held_tcp(3, kEstablishedState, "10.0.0.1", 1), "/etc/passwd").name, "");
}

TEST(DescriptorItems, names_every_tcp_state) {
    const char* const kNames[] = {"ESTABLISHED", "SYN_SENT", "SYN_RECV",   "FIN_WAIT1", "FIN_WAIT2",
                                  "TIME_WAIT",   "CLOSED",   "CLOSE_WAIT", "LAST_ACK",  "LISTEN",
                                  "CLOSING",     "SYN_RECV", "CLOSED"};
    for (size_t i = 0; i < std::size(kNames); ++i) {
        EXPECT_EQ(describe(held_tcp(3, static_cast<uint8_t>(i + 1), "10.0.0.1", 1)).state, kNames[i]);
    }
    EXPECT_EQ(describe(held_tcp(3, 0, "10.0.0.1", 1)).state, "");
    EXPECT_EQ(describe(held_tcp(3, 77, "10.0.0.1", 1)).state, "state 77");
}

TEST(DescriptorItems, names_every_socket_type) {
    const auto type = [](uint16_t family, uint16_t form, uint16_t protocol) {
        return describe(held_socket(3, family, form, protocol, kClosedState)).type;
    };
    EXPECT_EQ(type(AF_INET, SOCK_STREAM, IPPROTO_TCP), "TCP");
    EXPECT_EQ(type(AF_INET6, SOCK_STREAM, 0), "TCP");
    EXPECT_EQ(type(AF_INET6, SOCK_DGRAM, IPPROTO_UDP), "UDP");
    EXPECT_EQ(type(AF_INET, SOCK_STREAM, 262), "MPTCP");
    EXPECT_EQ(type(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP), "SCTP");
    EXPECT_EQ(type(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw");
    EXPECT_EQ(type(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), "ICMP");
    EXPECT_EQ(type(AF_INET, SOCK_STREAM, 200), "IP protocol 200");
    EXPECT_EQ(type(AF_UNIX, SOCK_STREAM, 0), "unix stream");
    EXPECT_EQ(type(AF_UNIX, SOCK_DGRAM, 0), "unix datagram");
    EXPECT_EQ(type(AF_UNIX, SOCK_SEQPACKET, 0), "unix packets");
    EXPECT_EQ(type(AF_NETLINK, SOCK_RAW, 0), "netlink");
    EXPECT_EQ(type(AF_PACKET, SOCK_RAW, 0), "packet");
    EXPECT_EQ(type(AF_VSOCK, SOCK_STREAM, 0), "vsock");
    EXPECT_EQ(type(21, SOCK_STREAM, 0), "socket (family 21)");
    EXPECT_EQ(type(AF_UNSPEC, 0, 0), "socket");
    EXPECT_EQ(describe(held_socket(3, AF_NETLINK, SOCK_RAW, 0, kClosedState)).state, "");
    EXPECT_EQ(describe(held_socket(3, AF_INET, SOCK_DGRAM, 0, kClosedState)).state, "UNCONNECTED");
    EXPECT_EQ(describe(held_socket(3, AF_INET, SOCK_DGRAM, 0, kEstablishedState)).state, "CONNECTED");
}

TEST(DescriptorItems, writes_addresses_as_people_do) {
    const ItemReport v4 = describe(held_tcp(3, kEstablishedState, "10.1.0.9", 41022, "10.0.0.5", 443));
    const ItemReport v6 = describe(held_tcp(3, kEstablishedState, "2001:db8::1", 8080, "fe80::2", 555));
    const ItemReport mapped = describe(held_tcp(3, kEstablishedState, "::ffff:10.1.0.9", 80, "::ffff:10.0.0.5", 443));
    const ItemReport unbound = describe(held_tcp(3, kClosedState, "", 0));
    const ItemReport loopback = describe(held_tcp(3, kListenState, "::1", 80));

    EXPECT_EQ(v4.local, "10.1.0.9:41022");
    EXPECT_EQ(v4.remote, "10.0.0.5:443");
    EXPECT_EQ(v6.local, "[2001:db8::1]:8080");
    EXPECT_EQ(v6.remote, "[fe80::2]:555");
    EXPECT_EQ(mapped.local, "10.1.0.9:80");
    EXPECT_EQ(mapped.remote, "10.0.0.5:443");
    EXPECT_EQ(unbound.local + unbound.remote + unbound.direction, "");
    EXPECT_EQ(loopback.local, "[::1]:80");
}

TEST(DescriptorItems, queues_of_a_listening_socket_are_waiting_and_backlog) {
    HeldDescriptor listening = held_tcp(3, kListenState, "0.0.0.0", 80);
    listening.seen.receive_bytes = 3;
    listening.seen.send_bytes = 511;
    HeldDescriptor connected = held_tcp(4, kCloseWaitState, "10.0.0.1", 5, "10.0.0.2", 6);
    connected.seen.receive_bytes = 31;

    const ItemReport waiting = describe(listening);
    const ItemReport queued = describe(connected);

    EXPECT_EQ(waiting.waiting, 3U);
    EXPECT_EQ(waiting.backlog, 511U);
    EXPECT_FALSE(waiting.receive_bytes || waiting.send_bytes);
    EXPECT_EQ(waiting.direction, "listening");
    EXPECT_EQ(queued.receive_bytes, 31U);
    EXPECT_EQ(queued.send_bytes, 0U);
    EXPECT_FALSE(queued.waiting || queued.backlog);
}

TEST(DescriptorItems, direction_is_told_by_accept_and_by_listening_ports) {
    HeldDescriptor accepted = held_tcp(4, kEstablishedState, "10.0.0.1", 9999, "10.0.0.2", 6);
    accepted.incoming = true;
    const HeldDescriptor before = held_tcp(5, kEstablishedState, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 6);
    const HeldDescriptor out = held_tcp(6, kEstablishedState, "10.0.0.1", 41'000, "10.0.0.2", 80);
    HeldDescriptor elsewhere = before;
    elsewhere.seen.net_inode++;
    HeldDescriptor other_protocol = held_socket(7, AF_INET, SOCK_DGRAM, IPPROTO_UDP, kEstablishedState);
    other_protocol.seen.local_port = 80;
    other_protocol.seen.remote_port = 53;
    const HeldDescriptor all[] = {held_tcp(3, kListenState, "::", 80), accepted, before, out};

    const SocketView view(all, nullptr);

    EXPECT_EQ(describe(accepted, "", view).direction, "incoming");
    EXPECT_EQ(describe(before, "", view).direction, "incoming");
    EXPECT_EQ(describe(out, "", view).direction, "outgoing");
    EXPECT_EQ(describe(elsewhere, "", view).direction, "outgoing");
    EXPECT_EQ(describe(other_protocol, "", view).direction, "outgoing");
    EXPECT_EQ(describe(held_file(8, 17), "", view).direction, "");
}

TEST(DescriptorItems, unix_sockets_are_named_by_their_inodes) {
    const UnixSocketPaths paths = {{100, "/run/x.sock"}, {101, "/run/x.sock"}, {200, "@abstract"}};
    const HeldDescriptor listening = held_unix(3, kListenState, 100);
    const HeldDescriptor accepted = held_unix(4, kEstablishedState, 101, 300);
    const HeldDescriptor client = held_unix(5, kEstablishedState, 301, 200);
    const HeldDescriptor pair = held_unix(6, kEstablishedState, 302, 303);
    const HeldDescriptor all[] = {listening, accepted, client, pair};

    const SocketView view(all, &paths);

    EXPECT_EQ(describe(listening, "", view).local, "/run/x.sock");
    EXPECT_EQ(describe(listening, "", view).direction, "listening");
    EXPECT_EQ(describe(accepted, "", view).local, "/run/x.sock");
    EXPECT_EQ(describe(accepted, "", view).direction, "incoming");
    EXPECT_EQ(describe(client, "", view).remote, "@abstract");
    EXPECT_EQ(describe(client, "", view).direction, "outgoing");
    EXPECT_EQ(describe(client, "", view).state, "CONNECTED");
    EXPECT_EQ(describe(pair, "", view).direction, "");
}

}  // namespace
}  // namespace whoholds
