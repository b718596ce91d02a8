// What the running kernel can do, found by trying and not by version numbers.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace whoholds {

// BPF_TRACE_UPROBE_MULTI; Debian 12's headers do not know it yet.
constexpr auto kTraceUprobeMulti = static_cast<enum bpf_attach_type>(48);

// Whether uprobe_multi links exist (Linux 6.6), tried on this process.
bool has_uprobe_multi();

// Whether probes can have cookies (Linux 5.15). The programs that use them need nothing newer.
bool has_attach_cookies();

// Whether a process under a seccomp filter survives a return probe (T5: kernels 6.11 to 6.13 without the pass-through kill it),
// tried on a child of ours.
bool return_probes_survive_seccomp();

}  // namespace whoholds
