// From what a CFI program says to a rule that the kernel part can evaluate.
#pragma once

#include "bpf/shared/unwind.h"
#include "unwind/cfi_state.h"

namespace whoholds {

// WH_CFA_UNSUPPORTED for whatever no other kind says exactly. signal_frame: augmentation 'S'.
wh_unwind_rule rule_of(const CfiState& state, bool signal_frame);

}  // namespace whoholds
