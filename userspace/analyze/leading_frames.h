// The innermost frames of a stack that was taken at a system call: the function around the system call, and what of libc called
// it (fopen, getaddrinfo, pthread_create). A report begins with their caller, as it does where functions are probed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "profile/profile.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

struct AddressRange {
    uint64_t start = 0;
    uint64_t end = 0;
};

// How many frames of the stack to leave out; never all. libc: where its code is mapped, empty for a static program.
size_t leading_frames(const StackInfo& info, uint8_t kind, std::span<const AddressRange> libc, Symbolizer& symbolizer);

// Whether a file of this path is a C library, or its part for threads. By its name: all that depends on it is where a stack begins.
bool is_c_library(std::string_view path);

// Whether a function of this name does no more than make a system call for its caller.
bool is_system_call_wrapper(std::string_view function);

}  // namespace whoholds
