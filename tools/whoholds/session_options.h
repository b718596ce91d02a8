// What the user asked for, in the terms of a session; and how it says that it failed. Used by main and top.cpp.
#pragma once

#include "bpf/session.h"
#include "whoholds/options.h"

namespace whoholds {

WantedKinds wanted_kinds(const Options& options);
SessionOptions session_options(const Options& options);

// Prints the sentence to standard error and returns the exit code.
int fail(const SessionError& failure);

}  // namespace whoholds
