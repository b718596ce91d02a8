// A process as /proc shows it. All readers take a ProcRoot, so that tests run on fixtures, and treat
// every byte as untrusted: bounded sizes, bounded counts, no exceptions.
// Used by the planner, the session and the report.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace whoholds {

// Where /proc and the cgroup file systems are. Tests point them at folders of fixtures.
struct ProcRoot {
    std::string path = "/proc";
    std::string cgroup_path = "/sys/fs/cgroup";
};

// One line of /proc/PID/maps. Addresses are virtual addresses in the target, the offset is bytes in the file.
struct Mapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t file_offset = 0;
    bool readable = false;
    bool writable = false;
    bool executable = false;
    bool shared = false;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    std::string path;  // as the target sees it, unescaped; "[stack]" and the like for special ones; "" for anonymous
    bool deleted = false;  // the file was unlinked; " (deleted)" is cut from path

    [[nodiscard]] bool is_file() const { return inode != 0 && !path.empty() && path[0] == '/'; }
};

struct ProcessStatus {
    pid_t pid = 0;                      // as seen in the namespace of ProcRoot
    pid_t thread_group_id = 0;          // differs from pid when pid is merely a thread of it
    std::vector<pid_t> namespace_pids;  // NSpid, outermost visible first
    uint64_t start_ticks = 0;  // /proc/PID/stat field 22: clock ticks after boot; with pid identifies a process
    std::string command;       // comm, raw: may hold any byte but zero; print it by printable()
    std::string exe;           // readlink exe, "" for kernel threads, zombies, and without the right to look
    bool exe_deleted = false;
    char state = '?';
    bool is_kernel_thread = false;  // PF_KTHREAD in stat's flags
    uint32_t uid = 0;               // the effective one
    uint32_t thread_count = 0;
    pid_t tracer_pid = 0;           // who traces it by ptrace (a debugger, strace); 0: nobody that we see
    int seccomp_mode = 0;           // 0 off, 1 strict, 2 filter
    bool has_shadow_stack = false;  // user-space shadow stacks (x86 CET) are on
    int pointer_bits = 0;           // from the ELF class of exe: 32, 64; 0 unknown
    std::string machine;            // "x86-64", "i386", "aarch64", … from e_machine; "" unknown

    [[nodiscard]] bool is_zombie() const { return state == 'Z' || state == 'X'; }
};

struct MemoryUse {
    uint64_t rss_bytes = 0;
    uint64_t anon_bytes = 0;
    uint64_t file_bytes = 0;
    uint64_t shmem_bytes = 0;
    uint64_t virtual_bytes = 0;
    uint64_t swap_bytes = 0;              // not part of RSS: what is held may hide here
    std::optional<uint64_t> pss_bytes;    // smaps_rollup; only when asked for: it is dear
    std::optional<uint64_t> limit_bytes;  // the tightest memory limit of its cgroup and that cgroup's parents
    std::string limit_source;             // "memory.max" or "memory.limit_in_bytes"
};

struct Container {
    std::string id;    // 64 hex digits, or as much as the cgroup shows; "" if only the pod is known
    std::string name;  // of the container in its pod; "" when not known
    std::string pod;   // "" when not known
    std::string pod_namespace;
    std::string pod_uid;  // as Kubernetes writes it, with dashes
};

// NotFound if there is no such process, or it went away while we looked.
Result<ProcessStatus> read_status(const ProcRoot& root, pid_t pid);
Result<std::vector<Mapping>> read_maps(const ProcRoot& root, pid_t pid);
// From the text of a maps file (for tests and fuzzing). Malformed lines are an error that names the line.
// Of a path only "\012" is unescaped, because the kernel (seq_file_path) escapes nothing but newlines.
Result<std::vector<Mapping>> parse_maps(std::string_view text);
Result<MemoryUse> read_memory(const ProcRoot& root, pid_t pid, bool with_pss);
// From cgroup paths (docker, containerd, cri-o, podman, kubepods in v1 and v2 forms) and, for the names, its mounts,
// HOSTNAME and the like in the target's environment and /etc/hostname of its root. nullopt outside of containers.
std::optional<Container> read_container(const ProcRoot& root, pid_t pid);
// The same from the text of /proc/PID/cgroup alone; the names stay empty (for tests).
std::optional<Container> parse_container(std::string_view cgroup_text);
// Seconds the process has been running; boot time taken from root/uptime.
Result<double> read_uptime_s(const ProcRoot& root, const ProcessStatus& status);
// The highest Seccomp mode of all its threads.
int highest_seccomp_mode(const ProcRoot& root, pid_t pid);

}  // namespace whoholds
