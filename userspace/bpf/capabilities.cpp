#include "bpf/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace whoholds {

void keep_capabilities(uint64_t kept) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (syscall(SYS_capget, &header, data.data()) != 0) return;
    for (size_t i = 0; i < data.size(); i++) {
        const auto word = static_cast<uint32_t>(kept >> (32 * i));
        data[i].permitted &= word;
        data[i].effective &= word;
        data[i].inheritable = 0;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &header, data.data());
}

}  // namespace whoholds
