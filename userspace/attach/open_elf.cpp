// Which file a mapping is of: opened by what the kernel holds open, not by its name, wherever we may.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "attach/attach_plan.h"
#include "elf/elf_source.h"

namespace whoholds {
namespace {

// Device numbers may differ: for overlayfs and btrfs, stat and maps name different devices for one file. The inode has to
// agree, and with it the path or the kernel's own link to the mapped file. Asked of what was opened, since what a path leads to
// may be another file at every look. (Opening looks first, too: at a device or a FIFO it goes no further.)
Result<ElfImage> open_if_mapped(const std::string& path, const Mapping& mapping) {
    WH_TRY(ElfImage elf, ElfImage::open(path));
    struct stat status {};
    if (::fstat(elf.source().fd(), &status) != 0) return system_error("stat " + path, errno);
    if (status.st_ino == mapping.inode) return elf;
    return Error{ErrorCode::kNotFound, fmt::format("{} is not the file that is mapped (inode {}, mapped {})", path,
                                                   status.st_ino, mapping.inode)};
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
            auto elf = open_if_mapped(candidate, mapping);
            if (elf) {
                open_path = candidate;
                return elf;
            }
            if (candidate != candidates[1]) last = std::move(elf).error();
        }
        return last;
    };
}

}  // namespace whoholds
