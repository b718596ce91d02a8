#include "analyze/descriptor_tally.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <numeric>

namespace whoholds {
namespace {

constexpr uint8_t kListen = 10;  // TCP_LISTEN

void add_endpoint(const wh_seen_descriptor& seen, const SocketView& view, DescriptorKey& key) {
    if (is_unix(seen)) {
        key.name = view.path_of(key.direction == Direction::kOutgoing ? seen.peer_inode : seen.inode);
        return;
    }
    key.family = AF_INET;  // a v6 socket may speak IPv4; the address tells
    key.protocol = seen.protocol;
    if (key.direction == Direction::kUnknown) return;
    const bool listening = key.direction == Direction::kListening;
    key.address = listening ? local_address(seen) : remote_address(seen);
    if (key.direction != Direction::kIncoming) key.port = listening ? seen.local_port : seen.remote_port;
}

DescriptorKey key_of(const HeldDescriptor& descriptor, const SocketView& view) {
    const wh_seen_descriptor& seen = descriptor.seen;
    DescriptorKey key;
    key.mode = seen.mode & S_IFMT;
    if (!is_socket(seen)) {
        key.inode = seen.inode;
        key.deleted = seen.links == 0;
        return key;
    }
    key.family = seen.family;
    key.type = seen.type;
    key.direction = view.direction_of(descriptor);
    if (is_internet(seen) || is_unix(seen)) add_endpoint(seen, view, key);
    return key;
}

void add(const HeldDescriptor& descriptor, DescriptorTally& tally) {
    const wh_seen_descriptor& seen = descriptor.seen;
    if (tally.oldest == nullptr || is_older(descriptor, *tally.oldest)) tally.oldest = &descriptor;
    tally.count++;
    if (descriptor.before_attach) tally.before_attach++;
    if (!is_socket(seen)) return;
    const bool listening = seen.state == kListen;
    (listening ? tally.waiting : tally.receive_bytes) += seen.receive_bytes;
    (listening ? tally.backlog : tally.send_bytes) += seen.send_bytes;
    tally.states[std::min<size_t>(seen.state, DescriptorTally::kStates - 1)]++;
}

class Tallier {
public:
    void add_to(const DescriptorKey& key, const HeldDescriptor& descriptor) {
        const auto [place, is_new] = places_.try_emplace(key, static_cast<uint32_t>(result.tallies.size()));
        if (is_new) result.tallies.push_back({.key = key});
        add(descriptor, result.tallies[place->second]);
        result.tally_of.push_back(place->second);
    }

    DescriptorTallies result;

private:
    absl::flat_hash_map<DescriptorKey, uint32_t> places_;
};

// All anonymous inodes are one inode for most of their types, and a memfd is like a deleted file: nothing but the link tells
// them apart.
bool needs_link(const wh_seen_descriptor& seen) {
    return may_be_anonymous(seen) || ((seen.mode & S_IFMT) == S_IFREG && seen.links == 0);
}

}  // namespace

bool may_be_anonymous(const wh_seen_descriptor& seen) {
    const uint16_t form = seen.mode & S_IFMT;
    return form == 0 || (form == S_IFREG && seen.size == 0 && seen.links == 1);
}

DescriptorTallies tally_connections(std::span<const HeldDescriptor> descriptors, const SocketView& view) {
    Tallier tallier;
    absl::flat_hash_set<uint64_t> files;
    for (const HeldDescriptor& each : descriptors) {
        const bool wanted = (is_internet(each.seen) || is_unix(each.seen)) &&
                            (each.seen.file == 0 || files.insert(each.seen.file).second);
        if (wanted) {
            tallier.add_to(key_of(each, view), each);
        } else {
            tallier.result.tally_of.push_back(DescriptorTallies::kNone);
        }
    }
    return std::move(tallier.result);
}

DescriptorTallies tally_descriptors(std::span<const HeldDescriptor> descriptors, const SocketView& view, LinkOf link) {
    Tallier tallier;
    size_t links_read = 0;
    for (const HeldDescriptor& each : descriptors) {
        DescriptorKey key = key_of(each, view);
        if (needs_link(each.seen) && links_read++ < kMostLinksRead) {
            const std::string type = file_words(each.seen, link(each.seen.fd)).type;
            if (type != "file") key.name = *tallier.result.names.insert(type).first;
        }
        tallier.add_to(key, each);
    }
    return std::move(tallier.result);
}

bool is_older(const HeldDescriptor& a, const HeldDescriptor& b) {
    return std::tuple(!a.before_attach, a.time_ns, a.seen.fd) < std::tuple(!b.before_attach, b.time_ns, b.seen.fd);
}

std::vector<uint32_t> largest_first(const DescriptorTallies& tallies, size_t most) {
    std::vector<uint32_t> order(tallies.tallies.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto is_before = [&](uint32_t left, uint32_t right) {
        const DescriptorTally& a = tallies.tallies[left];
        const DescriptorTally& b = tallies.tallies[right];
        return a.count != b.count ? a.count > b.count : a.key < b.key;
    };
    const auto end_of_most = order.begin() + static_cast<std::ptrdiff_t>(std::min(most, order.size()));
    std::ranges::nth_element(order, end_of_most, is_before);
    std::ranges::sort(order.begin(), end_of_most, is_before);
    return order;
}

std::vector<std::pair<std::string, uint64_t>> states_of(const DescriptorTally& tally) {
    std::vector<std::pair<std::string, uint64_t>> states;
    for (size_t i = 0; i < tally.states.size(); ++i) {
        if (tally.states[i] == 0) continue;
        wh_seen_descriptor seen = tally.oldest->seen;
        seen.state = static_cast<uint8_t>(i);
        const std::string name = socket_state(seen);
        if (name.empty()) continue;
        const auto same = std::ranges::find(states, name, &std::pair<std::string, uint64_t>::first);
        if (same == states.end()) {
            states.emplace_back(name, tally.states[i]);
        } else {
            same->second += tally.states[i];
        }
    }
    sort_states(states);
    return states;
}

void sort_states(std::vector<std::pair<std::string, uint64_t>>& states) {
    std::ranges::sort(states, [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
}

std::string endpoint_of(const DescriptorKey& key) {
    if (key.family == AF_UNIX) return std::string(key.name);
    return key.direction == Direction::kUnknown ? "" : endpoint_text(key.address, key.port);
}

}  // namespace whoholds
