// What this process may do, and the sentence that says what is missing and which flag adds it. Used where the kernel has
// refused something, and to give away what is not needed any more.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

// Numbers of include/uapi/linux/capability.h.
enum class Capability : uint8_t {
    kDacReadSearch = 2,
    kSysPtrace = 19,
    kSysAdmin = 21,
    kPerfmon = 38,
    kBpf = 39,
    kCheckpointRestore = 40,
};

struct Rights {
    uint64_t capabilities = 0;           // the effective ones, a bit for each number
    uint32_t user = 0;                   // effective, as seen in our user namespace
    bool in_user_namespace = false;      // another one than the machine's first
    bool is_filtered = false;            // by seccomp
    bool is_locked_down = false;         // lockdown=confidentiality
    bool charges_locked_memory = false;  // Linux before 5.11 counts BPF memory against RLIMIT_MEMLOCK

    [[nodiscard]] bool has(Capability capability) const {
        return (capabilities >> static_cast<unsigned>(capability) & 1) != 0;
    }
};

// lockdown_path is readable where securityfs is mounted only; elsewhere the parameters that the kernel was booted with have to do.
Result<Rights> read_own_rights(const ProcRoot& root,
                               const std::string& lockdown_path = "/sys/kernel/security/lockdown");

// The first thing by which the kernel may have refused to take our programs, as a sentence; "" if nothing is known.
std::string what_stands_in_the_way(const Rights& rights);
// Why the kernel refused to show a process to us, or to take our programs: the first of what stands in the way.
std::string why_refused(const Rights& rights);
// Why it refused perf uprobes, where it has no uprobe_multi links; "" if the rights are not the reason.
std::string why_no_perf_probes(const Rights& rights);

// The capabilities (a bit each) that are needed for as long as a session lasts: later libraries, programs and processes are
// attached to as the first ones were. Without perf probes CAP_SYS_ADMIN is not among them, if the finer ones are there.
uint64_t capabilities_needed(const Rights& rights, bool perf_probes);

}  // namespace whoholds
