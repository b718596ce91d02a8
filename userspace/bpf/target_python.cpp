// The part of a target that follows its Python code.
#include "bpf/target.h"

namespace whoholds {

void Target::look_at_python(Tracer& tracer) {
    if (exited()) return;
    const bool was_refused = !python_.why_not().empty();
    python_.check(tracer, slot_);
    note_python(was_refused);
}

void Target::look_for_python(Tracer& tracer, const std::vector<Mapping>& maps) {
    const bool was_refused = !python_.why_not().empty();
    python_.look(root_, pid_, maps);
    python_.check(tracer, slot_);
    note_python(was_refused);
}

void Target::note_python(bool was_refused) {
    if (!was_refused && !python_.why_not().empty()) skipped_.push_back({"lines of Python code", python_.why_not()});
    if (!python_.is_followed() || base_.runtime == "python") return;
    base_.runtime = "python";
    base_.runtime_version = python_.version();
}

}  // namespace whoholds
