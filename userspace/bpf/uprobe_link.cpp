#include "bpf/uprobe_link.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

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

}  // namespace whoholds
