// Descriptors that are the same to a reader (sockets with one endpoint, descriptors of one file), counted together.
// Used by connections.h and item_groups.h. What it costs grows with the number of descriptors, a fraction of a microsecond each:
// words are made later, for what is shown.
#pragma once

#include <absl/container/node_hash_set.h>
#include <absl/functional/function_ref.h>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "analyze/descriptor_items.h"
#include "profile/held_resources.h"

namespace whoholds {

// The target of /proc/PID/fd/N, "" if it cannot be read.
using LinkOf = absl::FunctionRef<std::string(uint32_t descriptor)>;

struct DescriptorKey {
    uint16_t mode = 0;  // type bits
    uint16_t family = 0;
    uint16_t type = 0;
    uint16_t protocol = 0;
    Direction direction = Direction::kUnknown;
    bool deleted = false;
    uint16_t port = 0;
    Address address;        // as ConnectionGroup::remote says
    uint64_t inode = 0;     // of what is not a socket
    std::string_view name;  // of unix sockets; of anonymous inodes and memfds what they are

    auto operator<=>(const DescriptorKey&) const = default;
    template <class State>
    friend State AbslHashValue(State state, const DescriptorKey& key) {
        return State::combine(std::move(state), key.mode, key.family, key.type, key.protocol, key.direction,
                              key.deleted, key.port, key.address.is_v4, key.address.bytes, key.inode, key.name);
    }
};

struct DescriptorTally {
    static constexpr size_t kStates = 16;

    DescriptorKey key;
    const HeldDescriptor* oldest = nullptr;
    uint64_t count = 0;
    uint64_t before_attach = 0;
    uint64_t receive_bytes = 0;  // of those that do not listen
    uint64_t send_bytes = 0;
    uint64_t waiting = 0;  // of those that listen
    uint64_t backlog = 0;
    std::array<uint64_t, kStates> states{};  // of sockets, by the kernel's number
};

struct DescriptorTallies {
    static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

    std::vector<DescriptorTally> tallies;
    std::vector<uint32_t> tally_of;          // for each descriptor, kNone: not counted
    absl::node_hash_set<std::string> names;  // what keys point to
};

inline constexpr size_t kMostLinksRead = 2'000;  // a system call each

// Whether it may be an eventfd, an epoll, an io_uring …; its link says which.
bool may_be_anonymous(const wh_seen_descriptor& seen);

// Sockets of IP and unix sockets; one with several descriptors counts once.
DescriptorTallies tally_connections(std::span<const HeldDescriptor> descriptors, const SocketView& view);
// Every descriptor.
DescriptorTallies tally_descriptors(std::span<const HeldDescriptor> descriptors, const SocketView& view, LinkOf link);

// Those from before the attach are older than the others; equal ones by number.
bool is_older(const HeldDescriptor& a, const HeldDescriptor& b);

// Indexes of tallies: the first `most` by count, equal ones in the order of their keys; the others follow in any order.
std::vector<uint32_t> largest_first(const DescriptorTallies& tallies, size_t most);

// By count: {"ESTABLISHED", 9}, {"CLOSE_WAIT", 3}.
std::vector<std::pair<std::string, uint64_t>> states_of(const DescriptorTally& tally);
void sort_states(std::vector<std::pair<std::string, uint64_t>>& states);

// What ConnectionGroup::remote says.
std::string endpoint_of(const DescriptorKey& key);

}  // namespace whoholds
