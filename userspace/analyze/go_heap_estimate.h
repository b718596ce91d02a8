// GoHeapEstimate: what each stack holds of a Go heap that has no profile of its own. The census says exactly what there is by size;
// samples, with their weights, say which stacks it came from. Kept from look to look, for growth. Used by GoHeapEstimateRows. Pure.
// Samples err where programs allocate in a rhythm. But of each size, what was allocated since sampling began and is held is at most
// all that there is, and at least what there is beyond the least that ever was; within these bounds the stacks share it as the samples
// say.
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
        double estimated_bytes = 0;
        double waiting_bytes = 0;
        uint64_t samples = 0;  // that are held
        uint64_t alive_bytes = 0;
        uint64_t before_bytes = 0;  // at most so much of it was there before sampling began
    };
    void look_at_sizes(double time_s);
    [[nodiscard]] std::map<GoSize, Sum> sums(const GoSampleSummary& samples) const;
    static double fit_of(const Sum& sum);
    void estimate(const GoSampledStack& sampled, double fit);
    void share_growth();
    void look_at_total(double time_s);

    GoCensus census_;
    absl::flat_hash_map<Key, GoEstimate> stacks_;
    GoTally total_;
    GoEstimate rest_;
    struct Size {
        uint64_t least_bytes = 0;  // that any look saw
        GrowthSeries growth;
    };
    std::map<GoSize, Size> sizes_;
    bool is_first_look_ = true;
};

}  // namespace whoholds
