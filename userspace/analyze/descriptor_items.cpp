#include "analyze/descriptor_items.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

namespace whoholds {
namespace {

constexpr uint8_t kListen = 10;  // TCP_LISTEN, also of unix sockets
constexpr std::string_view kAnonymous = "anon_inode:";
constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kMemfd = "/memfd:";

uint64_t port_key(const wh_seen_descriptor& socket) {
    return uint64_t{socket.net_inode} << 32 | uint64_t{socket.protocol} << 16 | socket.local_port;
}

// "anon_inode:[eventpoll]", "anon_inode:inotify", "anon_inode:bpf_link": the kernel is of two minds about brackets.
std::string anonymous_type(std::string_view name) {
    if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
    if (name == "eventpoll") return "epoll";
    if (name == "bpf_link") return "bpf-link";
    return name.empty() ? "anonymous inode" : std::string(name);
}

std::string type_of_mode(uint16_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG: return "file";
        case S_IFDIR: return "directory";
        case S_IFCHR: return "character device";
        case S_IFBLK: return "block device";
        case S_IFIFO: return "pipe";
        case S_IFLNK: return "symbolic link";
        case S_IFSOCK: return "socket";
        default: return "anonymous inode";
    }
}

// Names of file systems without paths: "pipe:[123]", "net:[4026531840]". The descriptor may have been reused since its
// entry was read: such a name must be that of the same inode.
bool is_of_inode(std::string_view link, uint64_t inode) { return link.ends_with(fmt::format(":[{}]", inode)); }

FileWords fifo_words(const wh_seen_descriptor& seen, std::string_view link) {
    if (link.starts_with('/')) return {"FIFO", std::string(link), false};
    return {"pipe", is_of_inode(link, seen.inode) ? std::string(link) : "", false};
}

void cut_deleted(FileWords& words, const wh_seen_descriptor& seen) {
    // With a link left the kernel may say so too (of this name), or the name itself may end like that.
    words.deleted = seen.links == 0;
    if (words.deleted && words.name.ends_with(kDeleted)) words.name.resize(words.name.size() - kDeleted.size());
}

void describe_internet(const wh_seen_descriptor& seen, ItemReport& item) {
    const Address local = local_address(seen);
    if (seen.local_port != 0 || local.bytes != Address{}.bytes) item.local = endpoint_text(local, seen.local_port);
    if (has_remote(seen)) item.remote = endpoint_text(remote_address(seen), seen.remote_port);
}

void describe_socket(const HeldDescriptor& descriptor, const SocketView& view, ItemReport& item) {
    const wh_seen_descriptor& seen = descriptor.seen;
    item.type = seen.family == AF_UNSPEC ? "socket" : socket_type(seen.family, seen.type, seen.protocol);
    item.state = socket_state(seen);
    item.direction = direction_text(view.direction_of(descriptor));
    if (is_internet(seen)) describe_internet(seen, item);
    if (is_unix(seen)) {
        item.local = view.path_of(seen.inode);
        item.remote = view.path_of(seen.peer_inode);
    }
    if (seen.family == AF_UNSPEC) return;
    const bool listening = seen.state == kListen;
    (listening ? item.waiting : item.receive_bytes) = seen.receive_bytes;
    (listening ? item.backlog : item.send_bytes) = seen.send_bytes;
}

}  // namespace

SocketView::SocketView(std::span<const HeldDescriptor> all, const UnixSocketPaths* paths,
                       const ListeningPorts& of_others)
    : paths_(paths) {
    for (const uint16_t port : of_others.tcp) {
        wh_seen_descriptor listener{};
        listener.net_inode = of_others.net_inode;
        listener.protocol = IPPROTO_TCP;
        listener.local_port = port;
        listening_ports_.insert(port_key(listener));
    }
    for (const HeldDescriptor& each : all) {
        if (each.seen.state != kListen) continue;
        if (is_internet(each.seen)) listening_ports_.insert(port_key(each.seen));
        if (is_unix(each.seen) && !path_of(each.seen.inode).empty()) listening_paths_.insert(path_of(each.seen.inode));
    }
}

std::string_view SocketView::path_of(uint64_t inode) const {
    if (paths_ == nullptr || inode == 0) return {};
    const auto found = paths_->find(inode);
    return found == paths_->end() ? std::string_view() : found->second;
}

Direction SocketView::direction_of(const HeldDescriptor& socket) const {
    const wh_seen_descriptor& seen = socket.seen;
    if (!is_socket(seen)) return Direction::kUnknown;
    if (socket.incoming) return Direction::kIncoming;
    if (seen.state == kListen) return Direction::kListening;
    if (is_unix(seen)) {
        // An accepted socket bears the name of the one that listens, so that the peer of a client always has a name.
        const std::string_view own = path_of(seen.inode);
        const std::string_view peer = path_of(seen.peer_inode);
        if (!has_remote(seen) || (own.empty() && peer.empty())) return Direction::kUnknown;
        return peer.empty() || listening_paths_.contains(own) ? Direction::kIncoming : Direction::kOutgoing;
    }
    if (!has_remote(seen)) return Direction::kUnknown;
    return listening_ports_.contains(port_key(seen)) ? Direction::kIncoming : Direction::kOutgoing;
}

FileWords file_words(const wh_seen_descriptor& seen, std::string_view link_target) {
    // Anonymous inodes are regular files since Linux 6.16: the link goes first.
    if (link_target.starts_with(kAnonymous)) return {anonymous_type(link_target.substr(kAnonymous.size())), "", false};
    if (link_target.starts_with("socket:[")) link_target = {};  // the descriptor was reused meanwhile
    if ((seen.mode & S_IFMT) == S_IFIFO) return fifo_words(seen, link_target);
    if (!link_target.empty() && link_target[0] != '/') {
        // "net:[4026531840]", "mnt:[…]", "dmabuf:" and whatever comes: the word before the colon is the type.
        const std::string_view word = link_target.substr(0, link_target.find(':'));
        if (is_of_inode(link_target, seen.inode)) return {std::string(word) + " namespace", std::string(link_target)};
        return {type_of_mode(seen.mode), std::string(link_target), false};
    }
    FileWords words{type_of_mode(seen.mode), std::string(link_target), false};
    cut_deleted(words, seen);
    if (words.deleted && words.name.starts_with(kMemfd)) {
        // Without a name from the start: it was never deleted.
        return {"memfd", words.name.substr(kMemfd.size()), false};
    }
    return words;
}

std::optional<double> descriptor_age_s(const HeldDescriptor& descriptor, uint64_t now_ns) {
    if (descriptor.before_attach) return std::nullopt;
    constexpr double kNsPerS = 1e9;
    return now_ns > descriptor.time_ns ? static_cast<double>(now_ns - descriptor.time_ns) / kNsPerS : 0.0;
}

ItemReport describe_descriptor(const HeldDescriptor& descriptor, std::string_view link_target, uint64_t now_ns,
                               const SocketView& view) {
    ItemReport item;
    item.key = descriptor.seen.fd;
    item.is_descriptor = true;
    item.inode = descriptor.seen.inode;
    item.age_s = descriptor_age_s(descriptor, now_ns);
    if (is_socket(descriptor.seen)) {
        describe_socket(descriptor, view, item);
        return item;
    }
    FileWords words = file_words(descriptor.seen, link_target);
    const bool has_size = words.type == "file" || words.type == "memfd";
    if (has_size) item.size_bytes = descriptor.seen.size;
    item.type = std::move(words.type);
    item.name = std::move(words.name);
    item.deleted = words.deleted;
    return item;
}

}  // namespace whoholds
