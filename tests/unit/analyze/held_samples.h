// Held descriptors made by hand. Used by the tests of analyze/.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>

#include "profile/held_resources.h"

namespace whoholds {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint8_t kEstablishedState = 1;  // TCP_ESTABLISHED and its like of <linux/tcp.h>
constexpr uint8_t kClosedState = 7;
constexpr uint8_t kCloseWaitState = 8;
constexpr uint8_t kListenState = 10;

inline HeldDescriptor held_file(uint32_t fd, uint64_t inode, uint16_t mode = S_IFREG, uint32_t links = 1) {
    HeldDescriptor held;
    held.seen.fd = fd;
    held.seen.file = 0x1000 + fd;
    held.seen.inode = inode;
    held.seen.mode = mode;
    held.seen.links = links;
    held.time_ns = 10 * kSecond;
    return held;
}

inline HeldDescriptor held_socket(uint32_t fd, uint16_t family, uint16_t type, uint16_t protocol, uint8_t state) {
    HeldDescriptor held = held_file(fd, 5'000 + fd, S_IFSOCK);
    held.seen.family = family;
    held.seen.type = type;
    held.seen.protocol = protocol;
    held.seen.state = state;
    held.seen.net_inode = 0xf0000001;
    return held;
}

// "" leaves an address empty.
inline HeldDescriptor held_tcp(uint32_t fd, uint8_t state, const std::string& local, uint16_t local_port,
                               const std::string& remote = "", uint16_t remote_port = 0) {
    const bool is_v6 = (local + remote).find(':') != std::string::npos;
    HeldDescriptor held = held_socket(fd, is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP, state);
    const int family = held.seen.family;
    if (!local.empty()) ::inet_pton(family, local.c_str(), held.seen.local_address);
    if (!remote.empty()) ::inet_pton(family, remote.c_str(), held.seen.remote_address);
    held.seen.local_port = local_port;
    held.seen.remote_port = remote_port;
    return held;
}

inline HeldDescriptor held_unix(uint32_t fd, uint8_t state, uint64_t inode, uint64_t peer_inode = 0,
                                uint16_t type = SOCK_STREAM) {
    HeldDescriptor held = held_socket(fd, AF_UNIX, type, 0, state);
    held.seen.inode = inode;
    held.seen.peer_inode = peer_inode;
    return held;
}

}  // namespace whoholds
