// GoSampleWeights: what samples of a Go heap stand for. The runtime counts what is allocated by size; what it counted of a size since
// there were samples of it is divided among the samples that came since. It does not tell objects with pointers from those without,
// which lie in spans of their own: how they divide is told by what each sort of spans took since the last collection, at each
// census, before the first one by the samples. Few samples wait for more: new spans come in bursts, as space in old ones is used up
// first. Used by GoSampling. Pure.
#pragma once

#include <map>
#include <optional>

#include "runtime/go/census.h"
#include "runtime/go/samples.h"

namespace whoholds {

class GoSampleWeights {
public:
    // From here on samples are taken.
    void begin(const GoAllocations& allocations) { counted_ = allocations; }
    void note(const GoCensus& census);
    // The weight of each byte of the samples up to this time, at least 1; none for samples that are to wait.
    GoSampleBytes weights(const GoAllocations& now, uint64_t now_ns, const GoUnweighed& samples);

private:
    void divide(GoAllocations::Class& counted, uint64_t now_bytes, const GoUnweighed& samples);

    std::optional<GoAllocations> counted_;
    GoSampleBytes since_;  // allocated since the last collection, summed over all notes
    GoSampleBytes owed_;   // allocated, and no sample stands for it yet
};

}  // namespace whoholds
