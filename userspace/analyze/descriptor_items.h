// What an open descriptor is now, in words: its type, where it leads, its state. Used by the report builder and by the
// grouping of connections and items. Pure: the link target, /proc/PID/net/unix and the time are passed in.
// Paths in what comes out are the target's choice: untrusted text.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proc/listening_ports.h"
#include "proc/unix_sockets.h"
#include "profile/held_resources.h"
#include "report/report.h"

namespace whoholds {

enum class Direction : uint8_t { kUnknown, kIncoming, kOutgoing, kListening };

// What a socket's own entry does not tell: which ports its process listens on, and the names of unix sockets.
// Keeps pointers into `paths`, which must outlive it.
class SocketView {
public:
    SocketView() = default;
    // of_others: ports that other processes of its network namespace listen on, where a connection may have come from too.
    SocketView(std::span<const HeldDescriptor> all, const UnixSocketPaths* paths, const ListeningPorts& of_others = {});

    // "" when it has none, or it is not known.
    [[nodiscard]] std::string_view path_of(uint64_t inode) const;
    [[nodiscard]] Direction direction_of(const HeldDescriptor& socket) const;

private:
    absl::flat_hash_set<uint64_t> listening_ports_;  // by network namespace and protocol
    absl::flat_hash_set<std::string_view> listening_paths_;
    const UnixSocketPaths* paths_ = nullptr;
};

bool is_socket(const wh_seen_descriptor& seen);
bool is_unix(const wh_seen_descriptor& seen);
bool is_internet(const wh_seen_descriptor& seen);
bool has_remote(const wh_seen_descriptor& seen);

// IPv4 in the first four bytes also where a v6 socket speaks IPv4.
struct Address {
    std::array<uint8_t, 16> bytes{};
    bool is_v4 = true;
    auto operator<=>(const Address&) const = default;
};
Address local_address(const wh_seen_descriptor& seen);
Address remote_address(const wh_seen_descriptor& seen);

// "10.0.0.5", "2001:db8::1"; with a port "10.0.0.5:443", "[2001:db8::1]:443".
std::string address_text(const Address& address);
std::string endpoint_text(const Address& address, uint16_t port);

// "TCP", "UDP", "unix stream", "netlink", "socket (family 21)".
std::string socket_type(uint16_t family, uint16_t type, uint16_t protocol);
// "CLOSE_WAIT"; "" where the protocol has no states.
std::string socket_state(const wh_seen_descriptor& seen);
std::string direction_text(Direction direction);  // "" for kUnknown

// Type and name of what is not a socket. link_target: as in /proc/PID/fd, "" if it could not be read.
struct FileWords {
    std::string type;  // "file", "pipe", "eventfd"
    std::string name;  // path
    bool deleted = false;
};
FileWords file_words(const wh_seen_descriptor& seen, std::string_view link_target);

// Age since the descriptor was opened; null for those from before the attach.
std::optional<double> descriptor_age_s(const HeldDescriptor& descriptor, uint64_t now_ns);

ItemReport describe_descriptor(const HeldDescriptor& descriptor, std::string_view link_target, uint64_t now_ns,
                               const SocketView& view = {});

}  // namespace whoholds
