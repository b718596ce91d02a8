// Looks which sampled objects of a Go process the collector has left alive. Used by the session: when a collection begins, as what
// the one before found is at rest then, and from time to time in between, for programs that collect rarely.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "runtime/go/go_process.h"
#include "runtime/go/samples.h"
#include "runtime/go/spans.h"

namespace whoholds {

// What the bit of the sample's slot means. span: as it is now, element_count 0 if it is not in use; generation: of the heap.
GoVerdict verdict_of(const GoSample& sample, const GoSpan& span, uint32_t generation, bool bit);

// Judges what is due. Should another collection end meanwhile, what was not judged by then is missed.
Result<void> judge_go_samples(const GoProcess& process, GoSampleBook& book);

}  // namespace whoholds
