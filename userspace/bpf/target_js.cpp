// The part of a target that follows the heaps of its JavaScript code.
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
                            const JsSampleBook::Emit& emit) {
    if (exited() || !v8_.is_followed() || !js_samples_.is_followed()) return;
    js_samples_.take_census(
        {.root = root_, .pid = pid_, .v8 = v8_.process(), .most_bytes = bytes_to_spare(), .pause = pause}, time_s,
        tracer, emit);
}

}  // namespace whoholds
