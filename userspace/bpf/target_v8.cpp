// The part of a target that follows its JavaScript.
#include "bpf/target.h"

namespace whoholds {

void Target::look_at_v8(Tracer& tracer) {
    if (exited()) return;
    const bool was_refused = !v8_.why_not().empty();
    v8_.check(tracer, slot_);
    note_v8(was_refused);
}

void Target::look_for_v8(Tracer& tracer, const std::vector<Mapping>& maps) {
    const bool was_refused = !v8_.why_not().empty();
    v8_.look(tracer, slot_, root_, pid_, maps);
    note_v8(was_refused);
}

void Target::note_v8(bool was_refused) {
    if (!was_refused && !v8_.why_not().empty()) skipped_.push_back({"functions of JavaScript", v8_.why_not()});
    if (!v8_.is_followed() || base_.runtime != "native") return;
    base_.runtime = "node";
    base_.runtime_version = "V8 " + v8_.version();
}

}  // namespace whoholds
