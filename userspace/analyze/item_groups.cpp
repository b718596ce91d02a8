#include "analyze/item_groups.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "report/endpoint_words.h"

namespace whoholds {
namespace {

constexpr size_t kMostGroups = 4;
constexpr size_t kStandsOut = 8;  // a group with an eighth of all is shown alone

std::string type_of(const DescriptorTally& tally) {
    const wh_seen_descriptor& seen = tally.oldest->seen;
    if (is_socket(seen)) return socket_type(tally.key.family, tally.key.type, tally.key.protocol);
    return tally.key.name.empty() ? file_words(seen, "").type : std::string(tally.key.name);
}

bool is_anonymous(const DescriptorTally& tally) { return !tally.key.name.empty() && tally.key.name != "memfd"; }

std::string file_name(const FileWords& words) {
    if (words.name.empty()) return words.type;
    return words.type == "memfd" ? "memfd " + words.name : words.name;
}

FileWords read_words(const DescriptorTally& tally, LinkOf link) {
    return file_words(tally.oldest->seen, link(tally.oldest->seen.fd));
}

std::string words_of(const DescriptorTally& tally, LinkOf link) {
    const wh_seen_descriptor& seen = tally.oldest->seen;
    if (is_internet(seen) || is_unix(seen))
        return endpoint_words(type_of(tally), direction_text(tally.key.direction), endpoint_of(tally.key));
    if (is_socket(seen) || is_anonymous(tally)) return type_of(tally);
    const FileWords words = read_words(tally, link);
    return file_name(words) + (words.deleted ? " (deleted)" : "");
}

// Of all descriptors of one file, its size once.
std::optional<uint64_t> size_of(const DescriptorTally& tally) {
    const bool is_file = (tally.key.mode & S_IFMT) == S_IFREG && !is_anonymous(tally);
    return is_file ? std::optional(tally.oldest->seen.size) : std::nullopt;
}

ItemGroup group_of(const DescriptorTally& tally, LinkOf link) {
    ItemGroup group;
    group.what = words_of(tally, link);
    group.count = tally.count;
    if (is_socket(tally.oldest->seen)) group.states = states_of(tally);
    group.size_bytes = size_of(tally);
    return group;
}

template <class T>
void add_known(std::optional<T>& to, const std::optional<T>& value) {
    if (value) to = to.value_or(T{}) + *value;
}

void add_states(const std::vector<std::pair<std::string, uint64_t>>& states, ItemGroup& group) {
    for (const auto& [state, count] : states) {
        const auto same = std::ranges::find(group.states, state, &std::pair<std::string, uint64_t>::first);
        if (same == group.states.end()) {
            group.states.emplace_back(state, count);
        } else {
            same->second += count;
        }
    }
}

// Many groups that differ in their endpoint or file only.
struct Mixed {
    ItemGroup sum;
    size_t groups = 0;
    const DescriptorTally* first = nullptr;
};

std::string mixed_words(const Mixed& mixed, LinkOf link) {
    if (mixed.groups == 1) return words_of(*mixed.first, link);
    const std::string type = type_of(*mixed.first);
    const std::string different = fmt::format("{} different ", mixed.groups);
    switch (mixed.first->key.direction) {
        case Direction::kOutgoing: return type + " to " + different + "endpoints";
        case Direction::kIncoming: return type + " from " + different + "addresses";
        case Direction::kListening: return type + " listening on " + different + "addresses";
        case Direction::kUnknown: break;
    }
    if (is_socket(mixed.first->oldest->seen)) return type + ", " + different + "ones";
    const FileWords words = read_words(*mixed.first, link);
    return fmt::format("{}{}, {}ones, the oldest {}", type, words.deleted ? " (deleted)" : "", different,
                       file_name(words));
}

std::vector<ItemGroup> fold(const DescriptorTallies& tallies, std::span<const uint32_t> order, LinkOf link) {
    using FoldKey = std::tuple<std::string, Direction, bool>;
    std::map<FoldKey, Mixed> folded;
    for (const uint32_t index : order) {
        const DescriptorTally& tally = tallies.tallies[index];
        Mixed& mixed = folded[{type_of(tally), tally.key.direction, tally.key.deleted}];
        mixed.groups++;
        mixed.sum.count += tally.count;
        if (is_socket(tally.oldest->seen)) add_states(states_of(tally), mixed.sum);
        add_known(mixed.sum.size_bytes, size_of(tally));
        if (mixed.first == nullptr || is_older(*tally.oldest, *mixed.first->oldest)) mixed.first = &tally;
    }
    std::vector<ItemGroup> groups;
    for (auto& [key, mixed] : folded) {
        sort_states(mixed.sum.states);
        mixed.sum.what = mixed_words(mixed, link);
        groups.push_back(std::move(mixed.sum));
    }
    return groups;
}

void sort_groups(std::vector<ItemGroup>& groups) {
    std::ranges::stable_sort(groups, std::greater(), &ItemGroup::count);
}

std::string words_of(const ItemReport& item) {
    const std::string type = item.type.empty() ? "thread" : item.type;
    const std::string begun = item.start_routine.empty() ? "" : " in " + item.start_routine + ",";
    return type + begun + " " + item.state + (item.wait_channel.empty() ? "" : " in " + item.wait_channel);
}

}  // namespace

std::vector<ItemGroup> group_descriptors(std::span<const HeldDescriptor> descriptors, const SocketView& view,
                                         LinkOf link) {
    const DescriptorTallies tallies = tally_descriptors(descriptors, view, link);
    const std::vector<uint32_t> order = largest_first(tallies, kMostGroups);
    std::vector<ItemGroup> groups;
    size_t alone = 0;
    while (alone < order.size() && alone < kMostGroups) {
        const DescriptorTally& tally = tallies.tallies[order[alone]];
        const bool stands_out = alone + 1 < kMostGroups && tally.count * kStandsOut >= descriptors.size();
        if (order.size() > kMostGroups && !stands_out) break;
        groups.push_back(group_of(tally, link));
        ++alone;
    }
    for (ItemGroup& group : fold(tallies, std::span(order).subspan(alone), link)) groups.push_back(std::move(group));
    sort_groups(groups);
    return groups;
}

std::vector<ItemGroup> group_items(std::span<const ItemReport> items) {
    std::vector<ItemGroup> groups;
    absl::flat_hash_map<std::string, size_t> places;
    for (const ItemReport& item : items) {
        if (item.state.empty()) continue;
        const auto [place, is_new] = places.try_emplace(words_of(item), groups.size());
        if (is_new) groups.push_back({.what = place->first});
        ItemGroup& group = groups[place->second];
        group.count++;
        add_known(group.size_bytes, item.size_bytes);
        group.sizes_are_stacks = true;
        add_known(group.cpu_s, item.cpu_s);
    }
    sort_groups(groups);
    return groups;
}

}  // namespace whoholds
