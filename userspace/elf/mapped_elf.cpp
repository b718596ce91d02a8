#include "elf/mapped_elf.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/printable.h"
#include "elf/elf_source.h"

namespace whoholds {
namespace {

// overlayfs and btrfs give stat(2) another device number than /proc/PID/maps; older overlayfs gives another inode too,
// when its layers are on several file systems.
bool hides_its_device(int fd) {
    constexpr long kBtrfsMagic = 0x9123683e;
    struct statfs info {};
    return ::fstatfs(fd, &info) == 0 && (info.f_type == OVERLAYFS_SUPER_MAGIC || info.f_type == kBtrfsMagic);
}

bool is_mapped_file(int fd, const Mapping& mapping, bool by_kernel_link) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return false;
    const bool same_device =
        gnu_dev_major(info.st_dev) == mapping.device_major && gnu_dev_minor(info.st_dev) == mapping.device_minor;
    if (same_device && info.st_ino == mapping.inode) return true;
    return hides_its_device(fd) && (by_kernel_link || info.st_ino == mapping.inode);
}

std::string map_files_path(const std::string& process, const Mapping& mapping) {
    char range[40];
    std::snprintf(range, sizeof range, "%llx-%llx", static_cast<unsigned long long>(mapping.start),
                  static_cast<unsigned long long>(mapping.end));
    return process + "/map_files/" + range;
}

}  // namespace

Result<ElfImage> open_mapped_elf(const ProcRoot& root, pid_t pid, const Mapping& mapping, std::string& open_path) {
    const std::string process = root.path + "/" + std::to_string(pid);
    const std::pair<std::string, bool> candidates[] = {
        {map_files_path(process, mapping), true}, {process + "/root" + mapping.path, false}, {process + "/exe", false}};
    std::optional<Error> last_error;
    for (const auto& [path, by_kernel_link] : candidates) {
        auto image = ElfImage::open(path);
        if (image && is_mapped_file(image->source().fd(), mapping, by_kernel_link)) {
            open_path = path;
            return image;
        }
        // What was found out about the file itself says more than that a way to it is closed.
        const bool tells_more =
            !image && image.error().code != ErrorCode::kPermission && image.error().code != ErrorCode::kNotFound;
        if (tells_more && !by_kernel_link) continue;
        if (tells_more) return std::move(image).error().with_context(printable(mapping.path));
        if (!last_error && !by_kernel_link) {
            last_error = image ? Error{ErrorCode::kNotFound, "the file was replaced since it was mapped"}
                               : std::move(image).error();
        }
    }
    if (!last_error) last_error = Error{ErrorCode::kNotFound, "no way to open the mapped file"};
    return (*std::move(last_error)).with_context(printable(mapping.path));
}

Result<UniqueFd> open_mapped_file(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    const std::string process = root.path + "/" + std::to_string(pid);
    auto file = open_regular_file(map_files_path(process, mapping));
    if (file && is_mapped_file(file->get(), mapping, true)) return file;
    file = open_regular_file_in(process + "/root", mapping.path);
    if (!file) return std::move(file).error().with_context(printable(mapping.path));
    if (is_mapped_file(file->get(), mapping, false)) return file;
    return Error{ErrorCode::kNotFound, printable(mapping.path) + ": the file was replaced since it was mapped"};
}

ElfImage::SymbolOptions debug_options_of(const ProcRoot& root, pid_t pid, const Mapping& mapping) {
    const std::string target_root = root.path + "/" + std::to_string(pid) + "/root";
    const size_t slash = mapping.path.rfind('/');
    ElfImage::SymbolOptions options;
    options.debug_roots.push_back(target_root + "/usr/lib/debug");
    options.debug_directory = target_root + mapping.path.substr(0, slash == std::string::npos ? 0 : slash);
    return options;
}

}  // namespace whoholds
