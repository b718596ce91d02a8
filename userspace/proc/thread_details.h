// What /proc/PID/task/TID says of one thread. Used by the report, for the threads that it shows.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

struct ThreadDetails {
    std::string name;          // comm, raw: any byte but zero
    char state = '?';          // as in stat: R, S, D, T, t, Z, X, I, …
    std::string wait_channel;  // kernel function in which it sleeps; "" when it does not, or may not be known
    std::optional<double> cpu_s;
};

// tid: in the PID namespace of root. NotFound if there is no such thread (any more).
Result<ThreadDetails> read_thread_details(const ProcRoot& root, pid_t pid, pid_t tid);

}  // namespace whoholds
