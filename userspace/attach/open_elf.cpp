// Which file a mapping is of: opened by what the kernel holds open, not by its name, wherever we may.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "attach/attach_plan.h"

namespace whoholds {
namespace {

// Device numbers may differ: for overlayfs and btrfs, stat and maps name different devices for one file. The inode has to
// agree, and with it the path or the kernel's own link to the mapped file. Asked before opening, since opening a device
// file can have effects.
Result<void> check_is_mapped_file(const std::string& path, const Mapping& mapping) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return system_error("open " + path, errno);
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kUnsupported, path + " is not a regular file"};
    if (status.st_ino != mapping.inode) {
        return Error{ErrorCode::kNotFound, fmt::format("{} is not the file that is mapped (inode {}, mapped {})", path,
                                                       status.st_ino, mapping.inode)};
    }
    return {};
}

}  // namespace

OpenElf open_elf_of(const ProcRoot& root, pid_t pid) {
    const std::string process = fmt::format("{}/{}", root.path, pid);
    return [process](const Mapping& mapping, std::string& open_path) -> Result<ElfImage> {
        // map_files needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the initial user namespace. It and exe reach files that
        // were unlinked or replaced since; the path must do where both are closed to us.
        std::vector<std::string> candidates = {
            fmt::format("{}/map_files/{:x}-{:x}", process, mapping.start, mapping.end), process + "/exe"};
        if (!mapping.deleted) candidates.push_back(process + "/root" + mapping.path);
        Error last{ErrorCode::kNotFound, "open " + mapping.path + ": unlinked, and its mapping cannot be opened"};
        for (const std::string& candidate : candidates) {
            if (auto checked = check_is_mapped_file(candidate, mapping); !checked) {
                if (candidate != candidates[1]) last = std::move(checked).error();
                continue;
            }
            auto elf = ElfImage::open(candidate);
            if (elf) {
                open_path = candidate;
                return elf;
            }
            last = std::move(elf).error();
        }
        return last;
    };
}

}  // namespace whoholds
