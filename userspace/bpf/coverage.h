// CoverageMeter: what was seen, lost and skipped, and what it cost, for the coverage section of a report. Used by the session.
#pragma once

#include <cstdint>
#include <map>

#include "bpf/target.h"
#include "bpf/tracer.h"
#include "profile/aggregator.h"
#include "report/report.h"

namespace whoholds {

class CoverageMeter {
public:
    // Adds the probes of one process, what was skipped there, and its warnings.
    void add_target(const Tracer& tracer, const Target& target, const ProcessReport& process, Coverage& coverage);
    // Losses, rates and cost over all processes. time_s: since attach.
    void finish(const Tracer& tracer, const Aggregator& aggregator, double time_s, Coverage& coverage);

private:
    uint64_t seen_before_ = 0;
    double price_before_us_ = 0;
    double price_now_us_ = 0;
    double time_before_s_ = 0;
};

}  // namespace whoholds
