#include "runtime/go/heap_profile.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/go/window.h"

namespace whoholds {
namespace {

// struct bucket and what follows it (runtime/mprof.go), the same in all versions.
struct BucketHeader {
    uint64_t next_in_hash;
    uint64_t next;
    uint64_t type;
    uint64_t hash;
    uint64_t object_bytes;
    uint64_t frame_count;
};
static_assert(sizeof(BucketHeader) == 48);
constexpr uint64_t kMemoryProfile = 1;
constexpr uint64_t kMaxFrames = 1024;  // of GODEBUG=profstackdepth
constexpr size_t kMaxBuckets = 500'000;
constexpr int kMaxTries = 8;
constexpr size_t kSlots = 4;  // active, then future[3]

struct Counts {
    uint64_t allocated = 0;
    uint64_t freed = 0;
    uint64_t allocated_bytes = 0;
    uint64_t freed_bytes = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
    void add(const Counts& other) {
        allocated += other.allocated;
        freed += other.freed;
        allocated_bytes += other.allocated_bytes;
        freed_bytes += other.freed_bytes;
    }
};

struct Bucket {
    uint64_t address = 0;
    uint64_t object_bytes = 0;
    std::vector<uint64_t> frames;
    std::array<Counts, kSlots> slots;
};

std::optional<Bucket> read_bucket(MemoryWindow& window, uint64_t address, size_t cycle_bytes, uint64_t& next) {
    BucketHeader header{};
    if (!window.read(address, {reinterpret_cast<uint8_t*>(&header), sizeof header})) return std::nullopt;
    if (header.type != kMemoryProfile || header.frame_count > kMaxFrames) return std::nullopt;
    next = header.next;
    Bucket bucket{.address = address, .object_bytes = header.object_bytes, .frames = {}, .slots = {}};
    bucket.frames.resize(header.frame_count);
    const uint64_t frames_at = address + sizeof header;
    if (!window.read(frames_at, {reinterpret_cast<uint8_t*>(bucket.frames.data()), bucket.frames.size() * 8}))
        return std::nullopt;
    std::array<uint64_t, kSlots * 4> words{};
    if (!window.read(frames_at + bucket.frames.size() * 8,
                     {reinterpret_cast<uint8_t*>(words.data()), kSlots * cycle_bytes}))
        return std::nullopt;
    const size_t step = cycle_bytes / 8;
    for (size_t i = 0; i < kSlots; ++i) {
        const uint64_t* slot = words.data() + i * step;
        bucket.slots[i] = {slot[0], slot[1], step == 4 ? slot[2] : slot[0] * header.object_bytes,
                           step == 4 ? slot[3] : slot[1] * header.object_bytes};
    }
    return bucket;
}

struct Walk {
    uint32_t cycle_word = 0;
    std::vector<Bucket> buckets;
};

// Buckets are never freed and their links never change, so that a walk without locks sees a whole list.
Result<Walk> walk_buckets(const GoProcess& process) {
    Walk walk;
    WH_TRY(walk.cycle_word, process.memory().read_object<uint32_t>(process.variables().profile_cycle));
    WH_TRY(uint64_t address, process.memory().read_object<uint64_t>(process.variables().profile_buckets));
    MemoryWindow window(process.memory());
    while (address != 0) {
        uint64_t next = 0;
        auto bucket = read_bucket(window, address, process.layout().profile_cycle_bytes, next);
        if (!bucket) return Error{ErrorCode::kMalformed, "Go's heap profile: a record makes no sense"};
        if (walk.buckets.size() >= kMaxBuckets) return Error{ErrorCode::kLimit, "Go's heap profile: too many stacks"};
        walk.buckets.push_back(*std::move(bucket));
        address = next;
    }
    return walk;
}

// What pprof would show: what is published, and the slot that it would publish first.
std::vector<Counts> published(const Walk& walk, uint64_t cycle) {
    std::vector<Counts> counts;
    bool is_clear = true;
    for (const Bucket& bucket : walk.buckets) {
        counts.push_back(bucket.slots[0]);
        counts.back().add(bucket.slots[1 + cycle % 3]);
        is_clear = is_clear && counts.back().allocated == 0 && counts.back().freed == 0;
    }
    if (!is_clear) return counts;
    // No collection has happened yet: pprof then shows all that is pending.
    for (size_t i = 0; i < counts.size(); ++i) {
        for (size_t slot = 0; slot < 3; ++slot) {
            if (slot != cycle % 3) counts[i].add(walk.buckets[i].slots[1 + slot]);
        }
    }
    return counts;
}

// The counts of one bucket change while the target publishes a cycle: only then do two walks differ in what is published.
bool agree(const Walk& first, const std::vector<Counts>& first_counts, const Walk& second,
           const std::vector<Counts>& second_counts) {
    if (first.cycle_word != second.cycle_word || first.buckets.size() > second.buckets.size()) return false;
    const size_t newer = second.buckets.size() - first.buckets.size();  // new ones are put in front
    for (size_t i = 0; i < first_counts.size(); ++i) {
        const Counts& counts = first_counts[i];
        if (first.buckets[i].address != second.buckets[i + newer].address || counts != second_counts[i + newer] ||
            counts.freed > counts.allocated || counts.freed_bytes > counts.allocated_bytes)
            return false;
    }
    return true;
}

// As pprof does it (runtime/pprof/protomem.go): the chance that an object of the average size is sampled.
GoHeapAmount scale(uint64_t objects, uint64_t bytes, uint64_t rate) {
    if (objects == 0 || bytes == 0) return {};
    if (rate <= 1) return {objects, bytes};
    const double average = static_cast<double>(bytes) / static_cast<double>(objects);
    const double factor = 1 / (1 - std::exp(-average / static_cast<double>(rate)));
    return {static_cast<uint64_t>(static_cast<double>(objects) * factor),
            static_cast<uint64_t>(static_cast<double>(bytes) * factor)};
}

void add(GoHeapAmount& sum, const GoHeapAmount& more) {
    sum.objects += more.objects;
    sum.bytes += more.bytes;
}

// A stack has a bucket for each size of object. What is held is scaled by itself, as pprof does, and what was freed is the rest.
GoHeapProfile merge(const Walk& walk, const std::vector<Counts>& counts, uint64_t rate) {
    GoHeapProfile profile{.rate_bytes = rate, .sampled = {}, .scaled = {}, .cycles = 0};
    absl::flat_hash_map<std::vector<uint64_t>, size_t> index;
    for (size_t i = 0; i < counts.size(); ++i) {
        const Counts& count = counts[i];
        if (count.allocated == 0) continue;
        const auto [found, is_new] = index.try_emplace(walk.buckets[i].frames, profile.sampled.size());
        if (is_new) {
            profile.sampled.push_back({.frames = walk.buckets[i].frames});
            profile.scaled.push_back({.frames = walk.buckets[i].frames});
        }
        add(profile.sampled[found->second].allocated, {count.allocated, count.allocated_bytes});
        add(profile.sampled[found->second].freed, {count.freed, count.freed_bytes});
        const GoHeapAmount allocated = scale(count.allocated, count.allocated_bytes, rate);
        const GoHeapAmount held = scale(count.allocated - count.freed, count.allocated_bytes - count.freed_bytes, rate);
        add(profile.scaled[found->second].allocated, allocated);
        add(profile.scaled[found->second].freed, {allocated.objects - std::min(held.objects, allocated.objects),
                                                  allocated.bytes - std::min(held.bytes, allocated.bytes)});
    }
    return profile;
}

}  // namespace

Result<GoHeapProfile> read_go_heap_profile(const GoProcess& process) {
    WH_TRY(const uint64_t rate, process.memory().read_object<uint64_t>(process.variables().profile_rate));
    if (rate == 0) return GoHeapProfile{};
    // Since 1.19 the lowest bit says whether the cycle was published.
    const auto cycle_of = [&](const Walk& walk) {
        return walk.cycle_word >> (process.layout().minor_version < 19 ? 0 : 1);
    };
    WH_TRY(Walk before, walk_buckets(process));
    std::vector<Counts> before_counts = published(before, cycle_of(before));
    for (int attempt = 0; attempt < kMaxTries; ++attempt) {
        WH_TRY(Walk now, walk_buckets(process));
        std::vector<Counts> counts = published(now, cycle_of(now));
        if (agree(before, before_counts, now, counts)) {
            GoHeapProfile profile = merge(before, before_counts, rate);
            profile.cycles = cycle_of(before);
            return profile;
        }
        before = std::move(now);
        before_counts = std::move(counts);
    }
    return Error{ErrorCode::kLimit, "Go's heap profile changes faster than it can be read"};
}

}  // namespace whoholds
