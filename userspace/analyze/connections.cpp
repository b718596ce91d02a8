#include "analyze/connections.h"

#include <algorithm>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMostStacks = 16;  // named of a group

// What a group is called is what it is: addresses of sockets in several network namespaces may be the same.
std::string label_of(const DescriptorKey& key) {
    std::string label = socket_type(key.family, key.type, key.protocol);
    label += '\0';
    label += static_cast<char>(key.direction);
    return label += endpoint_of(key);
}

ConnectionGroup describe(const DescriptorTally& tally, uint64_t now_ns) {
    ConnectionGroup group;
    group.protocol = socket_type(tally.key.family, tally.key.type, tally.key.protocol);
    group.direction = direction_text(tally.key.direction);
    group.remote = endpoint_of(tally.key);
    group.count = tally.count;
    group.states = states_of(tally);
    group.before_attach = tally.before_attach;
    group.oldest_s = descriptor_age_s(*tally.oldest, now_ns);  // those from before the attach come first
    group.receive_bytes = tally.receive_bytes;
    group.send_bytes = tally.send_bytes;
    if (tally.key.direction == Direction::kListening) {
        group.waiting = tally.waiting;
        group.backlog = tally.backlog;
    }
    return group;
}

using StackCounts = absl::flat_hash_map<uint64_t, uint64_t>;  // id -> connections

std::vector<uint64_t> ids_by_count(const StackCounts& counts) {
    std::vector<std::pair<uint64_t, uint64_t>> ranked(counts.begin(), counts.end());
    std::ranges::sort(ranked, [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    if (ranked.size() > kMostStacks) ranked.resize(kMostStacks);
    std::vector<uint64_t> ids;
    for (const auto& [id, count] : ranked) ids.push_back(id);
    return ids;
}

// For the groups that are shown: the first of `order`.
void add_stacks(std::span<const HeldDescriptor> descriptors, const DescriptorTallies& tallies,
                std::span<const uint32_t> order, const ConnectionRequest& request,
                std::vector<ConnectionGroup>& groups) {
    std::vector<StackCounts> counts(groups.size());
    absl::flat_hash_map<uint32_t, size_t> group_of;  // by tally
    for (size_t i = 0; i < groups.size(); ++i) group_of[order[i]] = i;
    for (size_t i = 0; i < descriptors.size(); ++i) {
        const auto found = group_of.find(tallies.tally_of[i]);
        if (found == group_of.end()) continue;
        if (const uint64_t id = request.stack_id(descriptors[i].stack); id != 0) counts[found->second][id]++;
    }
    for (size_t i = 0; i < groups.size(); ++i) groups[i].stack_ids = ids_by_count(counts[i]);
}

}  // namespace

void ConnectionGrowth::sample(const DescriptorTallies& tallies, std::span<const uint32_t> order, double time_s) {
    ++samples_;
    for (const uint32_t index : order.first(std::min(order.size(), kMostEndpoints))) {
        const DescriptorTally& tally = tallies.tallies[index];
        Endpoint& endpoint = series_[label_of(tally.key)];
        endpoint.series.add(time_s, {tally.count, 0});
        endpoint.sample = samples_;
    }
    absl::erase_if(series_, [&](const auto& each) { return each.second.sample != samples_; });
}

std::optional<double> ConnectionGrowth::per_minute(const DescriptorKey& key) const {
    const auto found = series_.find(label_of(key));
    if (found == series_.end()) return std::nullopt;
    const std::optional<Rate> rate = found->second.series.per_minute();
    return rate ? std::optional(rate->count) : std::nullopt;
}

ConnectionList group_connections(std::span<const HeldDescriptor> descriptors, const SocketView& view,
                                 const ConnectionRequest& request, ConnectionGrowth& growth) {
    const DescriptorTallies tallies = tally_connections(descriptors, view);
    const std::vector<uint32_t> order = largest_first(tallies, std::max(request.top, ConnectionGrowth::kMostEndpoints));
    growth.sample(tallies, order, request.time_s);

    ConnectionList list;
    const size_t shown = std::min(order.size(), request.top);
    list.omitted = order.size() - shown;
    for (size_t i = 0; i < shown; ++i) {
        const DescriptorTally& tally = tallies.tallies[order[i]];
        list.groups.push_back(describe(tally, request.now_ns));
        list.groups.back().growth_per_min = growth.per_minute(tally.key);
    }
    add_stacks(descriptors, tallies, order, request, list.groups);
    return list;
}

}  // namespace whoholds
