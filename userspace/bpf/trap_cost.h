// What a probe costs here before its program has done anything: the trap, the kernel's search for the probe, and its emulation or its
// single step. Measured on ourselves, as processors, hypervisors and kernels differ by ten times. Used where probes have a budget.
#pragma once

#include <optional>

#include "bpf/attach.h"
#include "bpf/tracer.h"

namespace whoholds {

// In ns of processor time; takes some milliseconds. nullopt: it cannot be measured. The program runs with the cookie of no process.
std::optional<double> measure_trap_ns(const Tracer& tracer, const bpf_program* program, bool emulated,
                                      AttachPool& pool);

}  // namespace whoholds
