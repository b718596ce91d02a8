#include "proc/descriptor_links.h"

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {

Result<std::string> read_descriptor_link(const ProcRoot& root, pid_t pid, uint32_t descriptor) {
    return read_link(process_path(root, pid, "fd/" + std::to_string(descriptor)));
}

}  // namespace whoholds
