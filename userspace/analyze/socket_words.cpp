// Sockets in words: protocols, addresses, states.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "analyze/descriptor_items.h"

namespace whoholds {
namespace {

// The kernel's numbers of <linux/tcp.h> and <net/tcp_states.h>, which name more states than libc's header does.
constexpr uint8_t kEstablished = 1;
constexpr uint8_t kClosed = 7;
constexpr uint8_t kListen = 10;
constexpr std::string_view kTcpStates[] = {"",          "ESTABLISHED", "SYN_SENT", "SYN_RECV",   "FIN_WAIT1",
                                           "FIN_WAIT2", "TIME_WAIT",   "CLOSED",   "CLOSE_WAIT", "LAST_ACK",
                                           "LISTEN",    "CLOSING",     "SYN_RECV", "CLOSED"};

struct FamilyName {
    uint16_t family;
    std::string_view name;
};

constexpr FamilyName kFamilies[] = {
    {AF_NETLINK, "netlink"}, {AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},  {AF_ALG, "kernel crypto"},
    {AF_XDP, "XDP"},         {AF_CAN, "CAN"},       {AF_TIPC, "TIPC"},    {AF_BLUETOOTH, "bluetooth"},
    {AF_SMC, "SMC"},         {AF_QIPCRTR, "qrtr"},  {AF_KEY, "IPsec key"}};

std::string internet_type(uint16_t type, uint16_t protocol) {
    if (type == SOCK_RAW) return "raw";
    switch (protocol) {
        case IPPROTO_TCP: return "TCP";
        case IPPROTO_UDP: return "UDP";
        case IPPROTO_MPTCP: return "MPTCP";
        case IPPROTO_SCTP: return "SCTP";
        case IPPROTO_UDPLITE: return "UDP-Lite";
        case IPPROTO_DCCP: return "DCCP";
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6: return "ICMP";
        default: break;
    }
    if (protocol == 0 && type == SOCK_STREAM) return "TCP";
    if (protocol == 0 && type == SOCK_DGRAM) return "UDP";
    return fmt::format("IP protocol {}", protocol);
}

std::string unix_type(uint16_t type) {
    switch (type) {
        case SOCK_STREAM: return "unix stream";
        case SOCK_DGRAM: return "unix datagram";
        case SOCK_SEQPACKET: return "unix packets";
        default: return "unix";
    }
}

bool has_tcp_states(const wh_seen_descriptor& seen) {
    if (seen.family == AF_VSOCK || seen.family == AF_SMC) return true;
    return is_internet(seen) && seen.type != SOCK_RAW && seen.type != SOCK_DGRAM;
}

Address address_of(const wh_seen_descriptor& seen, const uint8_t (&bytes)[16]) {
    constexpr uint8_t kMapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    Address address;
    address.is_v4 = seen.family != AF_INET6;
    const bool mapped = !address.is_v4 && std::memcmp(bytes, kMapped, sizeof kMapped) == 0;
    if (mapped) {
        address.is_v4 = true;
        std::copy_n(bytes + sizeof kMapped, 4, address.bytes.begin());
    } else {
        std::copy_n(bytes, address.is_v4 ? 4 : 16, address.bytes.begin());
    }
    return address;
}

}  // namespace

bool is_socket(const wh_seen_descriptor& seen) { return (seen.mode & S_IFMT) == S_IFSOCK; }
bool is_unix(const wh_seen_descriptor& seen) { return is_socket(seen) && seen.family == AF_UNIX; }
bool is_internet(const wh_seen_descriptor& seen) {
    return is_socket(seen) && (seen.family == AF_INET || seen.family == AF_INET6);
}

bool has_remote(const wh_seen_descriptor& seen) {
    if (is_unix(seen)) return seen.state == kEstablished;
    // A raw socket has a remote address, and no port.
    return is_internet(seen) && seen.state != kListen &&
           (seen.remote_port != 0 || std::ranges::any_of(seen.remote_address, [](uint8_t byte) { return byte != 0; }));
}

Address local_address(const wh_seen_descriptor& seen) { return address_of(seen, seen.local_address); }
Address remote_address(const wh_seen_descriptor& seen) { return address_of(seen, seen.remote_address); }

std::string address_text(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(address.is_v4 ? AF_INET : AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
}

std::string endpoint_text(const Address& address, uint16_t port) {
    if (port == 0) return address_text(address);
    return fmt::format(fmt::runtime(address.is_v4 ? "{}:{}" : "[{}]:{}"), address_text(address), port);
}

std::string socket_type(uint16_t family, uint16_t type, uint16_t protocol) {
    if (family == AF_INET || family == AF_INET6) return internet_type(type, protocol);
    if (family == AF_UNIX) return unix_type(type);
    const auto* found = std::ranges::find(kFamilies, family, &FamilyName::family);
    return found == std::end(kFamilies) ? fmt::format("socket (family {})", family) : std::string(found->name);
}

std::string socket_state(const wh_seen_descriptor& seen) {
    if (has_tcp_states(seen)) {
        if (seen.state < std::size(kTcpStates)) return std::string(kTcpStates[seen.state]);
        return fmt::format("state {}", seen.state);
    }
    const bool has_peers = is_unix(seen) || (is_internet(seen) && seen.type == SOCK_DGRAM);
    if (!has_peers) return "";
    if (seen.state == kListen) return "LISTEN";
    return seen.state == kEstablished ? "CONNECTED" : seen.state == kClosed ? "UNCONNECTED" : "";
}

std::string direction_text(Direction direction) {
    switch (direction) {
        case Direction::kIncoming: return "incoming";
        case Direction::kOutgoing: return "outgoing";
        case Direction::kListening: return "listening";
        case Direction::kUnknown: break;
    }
    return "";
}

}  // namespace whoholds
