// BlockTable: the resources of one kind of one process that user space holds, by key. 24 bytes a block plus the hash table's
// slack, in shards, so that growing never doubles the whole. Used by the Aggregator only.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <optional>

namespace whoholds {

struct Block {
    uint64_t size = 0;  // bytes
    uint32_t stack = 0;
    uint64_t time_ns = 0;
};

class BlockTable {
public:
    [[nodiscard]] size_t size() const;
    // The block that was there under the same key, if any.
    std::optional<Block> put(uint64_t key, const Block& block);
    std::optional<Block> take(uint64_t key);
    [[nodiscard]] std::optional<Block> find(uint64_t key) const;
    void prefetch(uint64_t key) const { shards_[shard_of(key)].prefetch(key); }
    void clear();

    // visit(key, block); pause() after every shard that holds anything.
    template <class Visitor, class Pause>
    void for_each(Visitor visit, Pause pause) const {
        for (const Shard& shard : shards_) {
            if (shard.empty()) continue;
            for (const auto& [key, packed] : shard) visit(key, unpack(key, packed));
            pause();
        }
    }

private:
    static constexpr unsigned kSizeBits = 40;
    static constexpr uint64_t kHugeSize = (1ull << kSizeBits) - 1;  // the true size is in huge_sizes_

    struct Packed {
        uint64_t size_stack;  // size:40 stack:24
        uint64_t time_ns;
    };
    using Shard = absl::flat_hash_map<uint64_t, Packed>;

    static size_t shard_of(uint64_t key) { return (key * 0x9e3779b97f4a7c15ull) >> 58; }
    [[nodiscard]] Block unpack(uint64_t key, const Packed& packed) const;
    Packed pack(uint64_t key, const Block& block);

    std::array<Shard, 64> shards_;
    absl::flat_hash_map<uint64_t, uint64_t> huge_sizes_;
};

}  // namespace whoholds
