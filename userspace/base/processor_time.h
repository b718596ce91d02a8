// What work costs: where processors are busy, the time that passes is no measure of it.
#pragma once

#include <ctime>

namespace whoholds {

// Of this thread so far, in seconds.
inline double thread_processor_s() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace whoholds
