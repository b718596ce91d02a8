#include "proc/descriptor_links.h"

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {

Result<std::string> read_descriptor_link(const ProcRoot& root, pid_t pid, uint32_t descriptor) {
    return read_link(process_path(root, pid, "fd/" + std::to_string(descriptor)));
}

Result<uint64_t> count_ring_files(const ProcRoot& root, pid_t pid, uint32_t descriptor) {
    constexpr size_t kMaxBytes = size_t{16} << 20;  // 2^20 files may be registered; 65,536 is the most by default
    const std::string file = "fdinfo/" + std::to_string(descriptor);
    WH_TRY(const std::string text, read_file_bounded(process_path(root, pid, file), kMaxBytes));
    std::string_view rest = text;
    while (!rest.empty() && !cut_line(rest).starts_with("UserFiles:")) {}
    // "    3: /etc/passwd", blanks and line ends in the path written as octal numbers; then "UserBufs:". Older kernels
    // list free places too.
    uint64_t files = 0;
    while (rest.starts_with(' '))
        if (!cut_line(rest).ends_with(": <none>")) files++;
    if (!rest.starts_with("UserBufs:")) return Error{ErrorCode::kUnsupported, "the ring does not list its files"};
    return files;
}

}  // namespace whoholds
