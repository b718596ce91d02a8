// What a thread is doing now, in words; and a pthread handle that nobody joined. Used by the report builder. Pure.
// Names are the target's choice: untrusted text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proc/thread_details.h"
#include "profile/held_resources.h"
#include "report/report.h"

namespace whoholds {

struct ThreadSurroundings {
    uint64_t now_ns = 0;           // CLOCK_MONOTONIC
    uint64_t boottime_now_ns = 0;  // CLOCK_BOOTTIME; 0: not known, nor then the age of threads from before the attach
    std::string start_routine;     // "" where it is not known
    std::optional<uint64_t> stack_bytes;
};

// 'S' -> "sleeping", 'D' -> "uninterruptible", …; "" for what is not known.
std::string thread_state(char state);

// The key is the thread's id as our /proc shows it. details: {} when they cannot be read
// (any more).
ItemReport describe_thread(const HeldThread& thread, const ThreadDetails& details,
                           const ThreadSurroundings& surroundings);

// A pthread_t between pthread_create and its join or detach. Of a thread that has ended stack and thread block stay mapped.
struct JoinableHandle {
    uint64_t handle = 0;
    uint64_t time_ns = 0;  // CLOCK_MONOTONIC, when it was created
    uint32_t tid = 0;      // 0: not known
    bool finished = false;
    std::optional<uint64_t> stack_bytes;
};
ItemReport describe_joinable(const JoinableHandle& handle, uint64_t now_ns);

// A handle of a pair that the user named.
ItemReport describe_handle(uint64_t handle, uint64_t time_ns, uint64_t now_ns);

}  // namespace whoholds
