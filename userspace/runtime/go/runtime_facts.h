// Reads what the Go runtime knows about its memory and its collector, from outside. Used by reports of Go processes.
#pragma once

#include "base/result.h"
#include "runtime/go/facts.h"
#include "runtime/go/go_process.h"

namespace whoholds {

Result<GoRuntimeFacts> read_go_runtime_facts(const GoProcess& process);

}  // namespace whoholds
