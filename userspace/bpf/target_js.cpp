// The part of a target that follows the heaps of its JavaScript code.
#include <algorithm>
#include <functional>
#include <map>

#include "analyze/js_heap_growth.h"
#include "analyze/v8_frame.h"
#include "bpf/target.h"

namespace whoholds {

void Target::tend_js_samples(Tracer& tracer, AttachPool& pool) {
    if (!wants_js_samples_ || !may_have_new_v8_ || exited()) return;
    may_have_new_v8_ = false;
    const auto maps = read_maps(root_, pid_);
    if (!maps) return;
    const bool was_refused = !js_samples_.why_not().empty();
    js_samples_.look({root_, pid_, slot_}, *maps, tracer, pool);
    if (!was_refused && !js_samples_.why_not().empty()) skipped_.push_back({"JavaScript heap", js_samples_.why_not()});
}

void Target::take_js_census(Tracer& tracer, double time_s, const std::function<void()>& pause,
                            const std::function<const StackInfo*(uint32_t stack)>& find_stack,
                            const JsSampleBook::Emit& emit) {
    if (exited() || !v8_.is_followed() || !js_samples_.is_followed()) return;
    js_samples_.take_census(
        {.root = root_, .pid = pid_, .v8 = v8_.process(), .most_bytes = bytes_to_spare(), .pause = pause}, time_s,
        tracer,
        [&](uint32_t stack, uint64_t shared) {
            const StackInfo* info = find_stack(stack);
            return info ? v8_.line_made_at(shared, info->frames) : std::nullopt;
        },
        emit);
}

void Target::fill_js_rows(ProcessReport& process) const {
    if (!js_samples_.is_followed()) return;
    std::map<uint32_t, uint64_t> waiting = js_samples_.book().waiting();
    process.js_sample_bytes = js_samples_.book().largest_bytes();
    for (StackReport& row : process.stacks) {
        if (row.kind != kJsHeapKind) continue;
        uint64_t not_judged = 0;
        JsSampling::Keepers sum;
        for (const uint32_t stack : row.stacks) {
            if (const auto found = waiting.find(stack); found != waiting.end()) {
                not_judged += found->second;
                waiting.erase(found);
            }
            const auto found = js_samples_.keepers().find(stack);
            if (found == js_samples_.keepers().end()) continue;
            sum.looked_at += found->second.looked_at;
            for (const auto& [word, line] : found->second.by_line) {
                sum.by_line[word].objects += line.objects;
                sum.by_line[word].functions.insert(line.functions.begin(), line.functions.end());
            }
        }
        if (js_samples_.has_all()) row.not_judged = not_judged;
        const auto most = std::ranges::max_element(sum.by_line, {}, [](const auto& one) { return one.second.objects; });
        if (most != sum.by_line.end() && v8_.frames() != nullptr)
            row.kept_at = {v8_frame(most->first, *v8_.frames()), most->second.objects, sum.looked_at,
                           most->second.functions.size()};
    }
    for (const auto& [stack, count] : waiting) process.js_not_judged_elsewhere += count;
}

}  // namespace whoholds
