#include "runtime/go/descriptor_holders.h"

#include <algorithm>
#include <utility>

namespace whoholds {

void GoDescriptorHolders::find(std::span<const GoDescriptorObject> objects, GoHolders& holders, const GoOn& go_on) {
    absl::flat_hash_map<uint32_t, uint32_t> claims;
    for (const GoDescriptorObject& each : objects)
        if (holders.is_held(each.object)) ++claims[each.descriptor];
    for (const auto& [descriptor, count] : claims)
        if (count > 1) claimed_twice_.push_back(descriptor);
    constexpr size_t kBetweenPauses = 1000;
    for (const GoDescriptorObject& each : objects) {
        if (ways_of_.size() >= kMaxDescriptors) break;
        if (!holders.is_held(each.object) || claims[each.descriptor] > 1) continue;
        add(each, holders.way_to(each.object));
        if (ways_of_.size() % kBetweenPauses == 0 && !go_on()) break;
    }
}

void GoDescriptorHolders::add(std::span<const GoDescriptorWaiter> waiters, GoRootNames& names) {
    for (const GoDescriptorWaiter& each : waiters) {
        if (ways_of_.size() >= kMaxDescriptors) break;
        const auto [found, is_new] = ways_of_.try_emplace(each.descriptor);
        if (!is_new) continue;
        found->second = {.text = number_of(names.of_goroutine(each.goroutine) + ", which waits for it"),
                         .first_proof = proofs_.size(),
                         .proof_count = each.proofs.size()};
        proofs_.insert(proofs_.end(), each.proofs.begin(), each.proofs.end());
    }
}

uint64_t GoDescriptorHolders::claimed_twice() const {
    return static_cast<uint64_t>(
        std::ranges::count_if(claimed_twice_, [this](uint32_t one) { return !ways_of_.contains(one); }));
}

uint32_t GoDescriptorHolders::number_of(const std::string& text) {
    const auto [number, is_new] = text_numbers_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
    if (is_new) texts_.push_back(text);
    return number->second;
}

void GoDescriptorHolders::add(const GoDescriptorObject& object, const GoWay& way) {
    const uint64_t first = proofs_.size();
    proofs_.push_back({object.address, object.descriptor, uint64_t{object.descriptor} + 1});
    proofs_.insert(proofs_.end(), way.proofs.begin(), way.proofs.end());
    ways_of_[object.descriptor] = {.text = number_of(way.text),
                                   .near_text = number_of(way.near_text),
                                   .first_proof = first,
                                   .near_proofs = way.near_proofs == 0 ? 0 : way.near_proofs + 1,
                                   .proof_count = proofs_.size() - first};
}

void GoDescriptorHolders::confirm(const ProcessMemory& memory) {
    std::vector<uint64_t> words(proofs_.size());
    std::vector<ProcessMemory::Piece> pieces;
    pieces.reserve(proofs_.size());
    for (size_t i = 0; i < proofs_.size(); ++i)
        pieces.push_back({proofs_[i].address, {reinterpret_cast<uint8_t*>(&words[i]), sizeof(uint64_t)}});
    const bool is_there = memory.read_pieces(pieces).has_value();
    const auto holds = [&](uint64_t first, uint64_t count) {
        for (uint64_t i = first; i < first + count; ++i)
            if (!pieces[i].is_read || words[i] < proofs_[i].low || words[i] >= proofs_[i].high) return false;
        return is_there;
    };
    changed_ += absl::erase_if(ways_of_, [&](auto& one) {
        Found& found = one.second;
        if (holds(found.first_proof, found.proof_count)) return false;
        if (found.near_proofs == 0 || !holds(found.first_proof, found.near_proofs)) return true;
        found.text = found.near_text;
        found.proof_count = std::exchange(found.near_proofs, 0);
        return false;
    });
}

std::string_view GoDescriptorHolders::way_to(uint32_t descriptor) const {
    const auto found = ways_of_.find(descriptor);
    return found == ways_of_.end() ? std::string_view() : texts_[found->second.text];
}

}  // namespace whoholds
