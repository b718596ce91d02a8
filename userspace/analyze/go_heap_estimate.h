// GoHeapEstimate: what each stack holds of a Go heap that has no profile of its own. The census says exactly what there is by size;
// samples say which stacks it came from: what was allocated of a size since sampling began, divided among the samples of that size,
// is what each of them stands for. The runtime counts allocations by bytes alone; how they divide into objects with and without
// pointers, which lie in spans of their own, is told by what each sort of spans took since the last collection. Kept from look to look, for growth. Used by GoHeapEstimateRows. Pure.
// Samples err where programs allocate in a rhythm; but what was allocated since sampling began and is held is at most all that there
// is of a size, and at least what there is more than there was.
// Invariant: of each size, and in all, the stacks and the rest without one hold together what the census counts.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "analyze/go_ledger.h"
#include "runtime/go/census.h"
#include "runtime/go/samples.h"

namespace whoholds {

// Of one stack and size: held now, as of the last collection; acquired and released since sampling began.
struct GoEstimate : GoTally {
    uint64_t samples = 0;  // that are held
    uint64_t oldest_ns = 0;
    uint64_t median_ns = 0;
};

class GoHeapEstimate {
public:
    // What had been allocated when the first sample could be taken. After the first look.
    void begin_sampling(const GoAllocations& allocations);
    void look(const GoCensus& census, const GoSampleSummary& samples, double time_s);

    using Key = std::pair<uint32_t, GoSize>;
    [[nodiscard]] const absl::flat_hash_map<Key, GoEstimate>& stacks() const { return stacks_; }
    [[nodiscard]] const GoTally& total() const { return total_; }
    // What no sample stands for: allocated before sampling began, or in a way that was not sampled.
    [[nodiscard]] const GoEstimate& rest() const { return rest_; }
    [[nodiscard]] const GoCensus& census() const { return census_; }
    [[nodiscard]] std::optional<Rate> growth_of_size(const GoSize& size) const;

private:
    struct Sum {  // of a size
        uint64_t seen_bytes = 0;
        uint64_t held_bytes = 0;  // samples
        uint64_t alive_bytes = 0;
    };
    [[nodiscard]] std::map<GoSize, Sum> sums(const GoSampleSummary& samples) const;
    [[nodiscard]] double fit_of(const GoSize& size, const Sum& sum, double scale) const;
    [[nodiscard]] double scale_of(const GoSize& size, const std::map<GoSize, Sum>& sums) const;
    void estimate(const GoSampledStack& sampled, double scale, double fit);
    void share_growth();
    void look_at_total(double time_s);

    std::optional<GoAllocations> baseline_;
    GoCensus census_;
    absl::flat_hash_map<Key, GoEstimate> stacks_;
    GoTally total_;
    GoEstimate rest_;
    struct Size {
        GrowthSeries growth;
        double since_bytes = 0;     // allocated since the last collection, summed over all looks
        uint64_t before_bytes = 0;  // there when sampling began
    };
    std::map<GoSize, Size> sizes_;
};

}  // namespace whoholds
