// Gives capabilities away, once what takes them is done. Used by the session.
#pragma once

#include <cstdint>

namespace whoholds {

// Only these (a bit each, see proc/rights.h) are left to this thread and to those that it starts; a program that it executes gets
// none of them by inheritance. What cannot be given away stays: fewer rights are a courtesy, not a condition.
void keep_capabilities(uint64_t kept);

}  // namespace whoholds
