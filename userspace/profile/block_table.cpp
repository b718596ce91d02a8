#include "profile/block_table.h"

namespace whoholds {

size_t BlockTable::size() const {
    size_t total = 0;
    for (const Shard& shard : shards_) total += shard.size();
    return total;
}

Block BlockTable::unpack(uint64_t key, const Packed& packed) const {
    Block block{packed.size_stack & kHugeSize, static_cast<uint32_t>(packed.size_stack >> kSizeBits), packed.time_ns};
    if (block.size == kHugeSize) block.size = huge_sizes_.at(key);
    return block;
}

BlockTable::Packed BlockTable::pack(uint64_t key, const Block& block) {
    uint64_t size = block.size;
    if (size >= kHugeSize) {
        huge_sizes_[key] = size;
        size = kHugeSize;
    }
    return {size | static_cast<uint64_t>(block.stack) << kSizeBits, block.time_ns};
}

std::optional<Block> BlockTable::put(uint64_t key, const Block& block) {
    Shard& shard = shards_[shard_of(key)];
    auto [place, is_new] = shard.try_emplace(key);
    std::optional<Block> old;
    if (!is_new) {
        old = unpack(key, place->second);
        if (old->size >= kHugeSize) huge_sizes_.erase(key);
    }
    place->second = pack(key, block);
    return old;
}

std::optional<Block> BlockTable::take(uint64_t key) {
    Shard& shard = shards_[shard_of(key)];
    auto found = shard.find(key);
    if (found == shard.end()) return std::nullopt;
    Block block = unpack(key, found->second);
    if ((found->second.size_stack & kHugeSize) == kHugeSize) huge_sizes_.erase(key);
    shard.erase(found);
    return block;
}

std::optional<Block> BlockTable::find(uint64_t key) const {
    const Shard& shard = shards_[shard_of(key)];
    auto found = shard.find(key);
    if (found == shard.end()) return std::nullopt;
    return unpack(key, found->second);
}

void BlockTable::clear() {
    for (Shard& shard : shards_) Shard().swap(shard);
    huge_sizes_.clear();
}

}  // namespace whoholds
