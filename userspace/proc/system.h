// What the machine says of itself: time since boot, kernel release, BTF, processors. Used by the session, the
// planner (which kernel can do what is probed at the edge; the release only explains) and the report.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proc/process.h"

namespace whoholds {

struct KernelRelease {
    uint32_t major = 0;
    uint32_t minor = 0;
    uint32_t patch = 0;

    auto operator<=>(const KernelRelease&) const = default;
};

// "6.1.0-18-amd64", "5.14.0-427.el9.x86_64", "6.18": what follows the numbers is ignored, a missing patch is 0.
Result<KernelRelease> parse_kernel_release(std::string_view text);
// From root/sys/kernel/osrelease.
Result<KernelRelease> read_kernel_release(const ProcRoot& root);

// Whether the kernel describes its types, which loading our programs needs.
bool has_btf(const std::string& path = "/sys/kernel/btf/vmlinux");

// Units of starttime and the like in /proc/PID/stat, per second.
uint64_t clock_ticks_per_second();
// Seconds since boot, including suspend (root/uptime).
Result<double> read_system_uptime_s(const ProcRoot& root);
// Seconds since 1970 at which the machine booted (btime in root/stat, whole seconds).
Result<int64_t> read_boot_time_s(const ProcRoot& root);
// Nanoseconds since 1970 at which the process started; as exact as boot time and clock ticks are.
Result<int64_t> read_start_time_unix_ns(const ProcRoot& root, const ProcessStatus& status);

// "0-3,8,10-11" is 7 processors.
Result<uint32_t> parse_cpu_count(std::string_view list);
Result<uint32_t> read_online_cpu_count(const std::string& path = "/sys/devices/system/cpu/online");

}  // namespace whoholds
