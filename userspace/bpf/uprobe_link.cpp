#include "bpf/uprobe_link.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "bpf/kernel_features.h"

namespace whoholds {

namespace {

// The part of union bpf_attr that BPF_LINK_CREATE reads for uprobe_multi (Linux 6.6, include/uapi/linux/bpf.h).
struct LinkCreateUprobeMulti {
    uint32_t program_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t reference_counter_offsets;
    uint64_t cookies;
    uint32_t count;
    uint32_t uprobe_flags;
    uint32_t pid;
    uint32_t padding;
};
static_assert(sizeof(LinkCreateUprobeMulti) == 64);

constexpr uint32_t kUprobeMultiReturn = 1;

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// The number after `prefix` in a file about the kernel's uprobes; -1: there is none.
long uprobe_number(const char* file, size_t prefix) {
    const auto text = read_file_bounded(std::string("/sys/bus/event_source/devices/uprobe/") + file, 64);
    return text && text->size() > prefix ? strtol(text->c_str() + prefix, nullptr, 10) : -1;
}

}  // namespace

int create_uprobe_multi(int program_fd, const UprobeMulti& request) {
    LinkCreateUprobeMulti attributes{
        .program_fd = static_cast<uint32_t>(program_fd),
        .target_fd = 0,
        .attach_type = static_cast<uint32_t>(kTraceUprobeMulti),
        .flags = 0,
        .path = address_of(request.path.c_str()),
        .offsets = address_of(request.offsets.data()),
        .reference_counter_offsets = 0,
        .cookies = address_of(request.cookies.data()),
        .count = static_cast<uint32_t>(request.offsets.size()),
        .uprobe_flags = request.is_return ? kUprobeMultiReturn : 0,
        .pid = static_cast<uint32_t>(request.pid),
        .padding = 0,
    };
    return static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, offsetof(LinkCreateUprobeMulti, padding)));
}

UniqueFd create_perf_uprobe(int program_fd, const std::string& path, uint64_t offset, pid_t pid, bool is_return) {
    const long type = uprobe_number("type", 0);
    const long return_bit = uprobe_number("format/retprobe", sizeof("config:") - 1);
    if (type < 0 || return_bit < 0) {
        errno = ENODEV;
        return {};
    }
    perf_event_attr attributes{};
    attributes.size = sizeof(attributes);
    attributes.type = static_cast<uint32_t>(type);
    attributes.config = is_return ? uint64_t{1} << return_bit : 0;
    attributes.uprobe_path = address_of(path.c_str());
    attributes.probe_offset = offset;
    UniqueFd event(static_cast<int>(syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!event || ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0 ||
        ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0)
        return {};
    return event;
}

}  // namespace whoholds
