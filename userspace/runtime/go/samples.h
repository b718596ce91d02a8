// GoSampleBook: which sampled allocations of a Go program are still there, by stack and size. A sample is one object out of many,
// seen when it was made; that it is gone is told by the collector's own bits, once a collection. Used by the session, one for each
// Go process without a heap profile of its own. Pure: samples, verdicts and generations (mheap_.sweepgen) are passed in.
// What a sample stands for is told by weigh(): what was allocated of its size since the samples before it, divided among them. So a
// sample stands for the time around it, and pauses between samples do no harm. Having survived one collection alone it stands for its
// own span: new spans are made when old ones are full, just before a collection, which finds alive what was in use at that moment.
// Invariant: a sample counts as held only after a collection that began after it was made has marked it. Where a collection was
// not looked at, whose place may have been given to another object meanwhile is dropped if nothing was known of it yet, else kept
// and counted as in doubt. Memory is bounded: where there are too many, half of the samples go, and the others stand for twice as much.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace whoholds {

// Objects that lie in spans of one sort.
struct GoSize {
    uint64_t small_bytes = 0;  // 0: large, each with a span of its own
    bool has_pointers = false;
    friend auto operator<=>(const GoSize&, const GoSize&) = default;
    template <class H>
    friend H AbslHashValue(H state, const GoSize& size) {
        return H::combine(std::move(state), size.small_bytes, size.has_pointers);
    }
};

using GoSampleBytes = std::map<GoSize, double>;

struct GoUnweighedSize {
    double bytes = 0;
    uint64_t count = 0;
    uint64_t oldest_ns = 0;
};
using GoUnweighed = std::map<GoSize, GoUnweighedSize>;

struct GoSample {
    uint64_t span = 0;      // address of its mspan
    uint64_t object = 0;    // address
    uint64_t bytes = 0;     // of its slot in the span
    bool is_large = false;  // has the span for itself
    bool has_pointers = false;
    uint32_t generation = 0;  // the first later one judges it
    uint32_t stack = 0;
    uint64_t time_ns = 0;
};

enum class GoVerdict : uint8_t {
    kAlive,
    kDead,
    kLater,  // its span is not swept yet, or could not be read
};

struct GoWeight {
    double count = 0;
    double bytes = 0;
    void add(double weight, uint64_t object_bytes) {
        count += weight;
        bytes += weight * static_cast<double>(object_bytes);
    }
};

// What samples of one stack and one size stand for.
struct GoSampledStack {
    uint32_t stack = 0;
    GoSize size;
    GoWeight seen;  // ever; of those that were weighed
    GoWeight alive;
    GoWeight waiting;         // not judged yet: made since the last collection began to mark
    uint64_t kept_alive = 0;  // of those alive, samples that are there
    uint64_t in_doubt = 0;    // of these
    uint64_t oldest_ns = 0;   // of those alive
    uint64_t median_ns = 0;
};

struct GoSampleSummary {
    std::vector<GoSampledStack> stacks;
    uint64_t kept = 0;      // samples, alive or not judged yet
    uint64_t taken = 0;     // ever
    uint64_t each_for = 1;  // of what is alive or waiting, a sample that is kept stands for so many
    uint64_t dropped = 0;   // a collection was missed before they were judged
    uint64_t in_doubt = 0;
    uint64_t judged_collections = 0;
    uint64_t missed_collections = 0;
};

class GoSampleBook {
public:
    explicit GoSampleBook(size_t most_samples = 32'768) : most_samples_(most_samples) {}

    void add(const GoSample& sample);
    // What was allocated at this time was not all seen. (Large objects are all seen otherwise: one that is marked where another one
    // was would have been told.)
    void note_gap(uint64_t time_ns) { gap_ns_ = time_ns; }
    // The samples that were not weighed yet, up to this time.
    [[nodiscard]] GoUnweighed unweighed(uint64_t until_ns) const;
    // For how many bytes each byte of them stands; those of sizes that are not there wait on.
    void weigh(uint64_t until_ns, const GoSampleBytes& weights);
    // Those that are to be judged in this generation and were not yet. Valid until the next add() or judge().
    [[nodiscard]] std::vector<GoSample> due(uint32_t generation) const;
    // One verdict for each; samples that are not there any more are passed over.
    void judge(uint32_t generation, std::span<const GoSample> samples, std::span<const GoVerdict> verdicts);
    // Nothing is due in it any more.
    [[nodiscard]] bool is_settled(uint32_t generation) const { return settled_ == generation; }

    [[nodiscard]] GoSampleSummary summarize() const;

private:
    struct Kept {
        uint64_t span;
        uint64_t bytes;
        uint64_t time_ns;
        uint32_t generation;  // judged last, or made
        uint32_t stack;
        float weight;          // 0: not weighed yet
        uint64_t number : 45;  // in the order in which they came
        uint64_t is_large : 1;
        uint64_t has_pointers : 1;
        uint64_t survived : 2;  // collections, at most two
        uint64_t in_doubt : 1;
    };
    using Key = std::pair<uint32_t, GoSize>;  // by stack
    struct Waiting {
        uint64_t object;
        uint64_t bytes;
        uint64_t time_ns;
        Key key;
    };

    static Key key_of(const Kept& kept);
    [[nodiscard]] double weight_of(const Kept& kept) const;
    [[nodiscard]] double alive_weight_of(const Kept& kept) const;
    [[nodiscard]] bool is_kept(uint64_t number) const;
    [[nodiscard]] bool has_row(const Key& key) const;
    void judge_one(uint32_t generation, uint64_t object, Kept& kept, GoVerdict verdict);
    void forget_ever_seen(const Kept& kept);
    void make_room();

    size_t most_samples_;
    absl::flat_hash_map<uint64_t, Kept> samples_;  // by object
    absl::flat_hash_map<Key, GoWeight> seen_;
    std::vector<Waiting> unweighed_;  // in the order in which they came
    uint64_t taken_ = 0;
    unsigned thinned_ = 0;  // times
    uint64_t dropped_ = 0;
    uint64_t judged_ = 0;
    uint64_t missed_ = 0;
    uint64_t gap_ns_ = 0;
    std::optional<uint32_t> last_generation_;
    std::optional<uint32_t> settled_;
};

}  // namespace whoholds
