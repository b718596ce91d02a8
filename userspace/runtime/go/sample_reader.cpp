#include "runtime/go/sample_reader.h"

#include <algorithm>
#include <vector>

namespace whoholds {
namespace {

uint32_t element_of(const GoSample& sample, const GoSpan& span) {
    if (span.element_bytes == 0 || sample.object < span.start) return 0;
    return static_cast<uint32_t>(std::min<uint64_t>((sample.object - span.start) / span.element_bytes, UINT16_MAX));
}

}  // namespace

GoVerdict verdict_of(const GoSample& sample, const GoSpan& span, uint32_t generation, bool bit) {
    // Of a span that was given back, and perhaps made anew for others, nothing is alive.
    if (span.element_count == 0 || span.element_bytes != sample.bytes) return GoVerdict::kDead;
    if (sample.object < span.start || sample.object - span.start >= span.bytes()) return GoVerdict::kDead;
    if (element_of(sample, span) >= span.element_count) return GoVerdict::kDead;
    if (!span.is_swept(generation)) return GoVerdict::kLater;
    return bit ? GoVerdict::kAlive : GoVerdict::kDead;
}

Result<void> judge_go_samples(const GoProcess& process, GoSampleBook& book) {
    constexpr size_t kAtOnce = 4096;
    WH_TRY(const uint32_t generation, read_go_sweep_generation(process));
    if (book.is_settled(generation)) return {};
    std::vector<GoSample> due = book.due(generation);
    std::ranges::sort(due, {}, &GoSample::span);
    std::vector<GoVerdict> verdicts(due.size(), GoVerdict::kLater);
    for (size_t first = 0; first < due.size(); first += kAtOnce) {
        const size_t count = std::min(kAtOnce, due.size() - first);
        std::vector<uint64_t> addresses;
        for (size_t i = first; i < first + count; ++i) addresses.push_back(due[i].span);
        WH_TRY(const std::vector<GoSpan> spans, read_go_spans_at(process, addresses));
        WH_TRY(const GoAllocBits bits, GoAllocBits::read(process, spans));
        WH_TRY(const uint32_t after, read_go_sweep_generation(process));
        if (after != generation) break;  // bits may be those of the next collection by now
        for (size_t i = 0; i < count; ++i) {
            const GoSample& sample = due[first + i];
            verdicts[first + i] =
                verdict_of(sample, spans[i], generation, bits.is_set(i, element_of(sample, spans[i])));
        }
    }
    book.judge(generation, due, verdicts);
    return {};
}

}  // namespace whoholds
