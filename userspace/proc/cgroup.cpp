#include "proc/cgroup.h"

#include <sys/stat.h>

#include "base/file.h"
#include "proc/mounts.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxCgroupBytes = size_t{1} << 20;
constexpr size_t kMaxLimitFileBytes = size_t{64} << 10;
constexpr std::string_view kUnifiedFile = "memory.max";
constexpr std::string_view kLegacyFile = "memory.limit_in_bytes";
// Version 1 says "no limit" as the largest count of pages (PAGE_COUNTER_MAX), which depends on the page size.
constexpr uint64_t kNoLimitFrom = uint64_t{1} << 62;

bool has_controller(std::string_view controllers, std::string_view wanted) {
    while (!controllers.empty()) {
        if (cut_until(controllers, ',') == wanted) return true;
    }
    return false;
}

bool leads_upwards(std::string_view path) {
    while (!path.empty()) {
        if (cut_until(path, '/') == "..") return true;
    }
    return false;
}

bool is_folder(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Where a cgroup lies below the folder where its hierarchy is mounted. The mount may show a part of the hierarchy
// only (a container's own part, or, seen from a cgroup namespace, the host's: root "/../../..").
std::optional<std::string> path_below_mount(const std::vector<Mount>& mounts, const std::string& mount_point,
                                            std::string_view path) {
    std::string_view root = "/";
    for (const Mount& mount : mounts) {
        if (mount.mount_point == mount_point && mount.type.starts_with("cgroup")) root = mount.root;
    }
    if (root != "/") {
        if (!path.starts_with(root)) return std::nullopt;
        path.remove_prefix(root.size());
        if (!path.empty() && path[0] != '/') return std::nullopt;
    }
    if (leads_upwards(path)) return std::nullopt;
    return std::string(path == "/" ? "" : path);
}

class TightestLimit {
public:
    // "max" and whatever is no number do not limit.
    void consider(std::string_view value, std::string_view source) {
        const auto bytes = parse_number<uint64_t>(trim_blanks(value));
        if (!bytes || *bytes >= kNoLimitFrom) return;
        if (!limit_ || *bytes < limit_->bytes) limit_ = MemoryLimit{*bytes, std::string(source)};
    }
    [[nodiscard]] std::optional<MemoryLimit> take() && { return std::move(limit_); }

private:
    std::optional<MemoryLimit> limit_;
};

// Calls read_at(folder) for path and each of its parents, "" last.
template <class ReadAt>
void for_each_parent(std::string path, ReadAt&& read_at) {
    while (path.ends_with('/')) path.pop_back();
    for (;;) {
        read_at(path);
        if (path.empty()) return;
        path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
}

// A version 1 cgroup knows the limit of all its parents, those that are not mounted here too.
void consider_hierarchical(const std::string& folder, TightestLimit& tightest) {
    const Result<std::string> text = read_file_bounded(folder + "/memory.stat", kMaxLimitFileBytes);
    if (!text) return;
    if (const auto value = find_field(*text, "hierarchical_memory_limit")) tightest.consider(*value, kLegacyFile);
}

// False if the cgroup cannot be seen below this mount point.
bool consider_mounted(const std::vector<Mount>& mounts, const std::string& mount_point,
                      const CgroupMembership& membership, TightestLimit& tightest) {
    const std::string_view file = membership.unified ? kUnifiedFile : kLegacyFile;
    const auto below = path_below_mount(mounts, mount_point, membership.path);
    if (!below || !is_folder(mount_point + *below)) return false;
    if (!membership.unified) consider_hierarchical(mount_point + *below, tightest);
    for_each_parent(*below, [&](const std::string& folder) {
        const Result<std::string> value =
            read_file_bounded(mount_point + folder + "/" + std::string(file), kMaxLimitFileBytes);
        if (value) tightest.consider(*value, file);
    });
    return true;
}

// What the process itself finds in its own /sys/fs/cgroup: the way to a sibling container, which our own cgroup
// namespace does not reach. The root of its mount is the container's cgroup, or one of its parents.
void consider_own_view(const ProcRoot& root, pid_t pid, const CgroupMembership& membership, TightestLimit& tightest) {
    const std::string own_root = process_path(root, pid, "root");
    const std::string mount_point = membership.unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory";
    const std::string_view file = membership.unified ? kUnifiedFile : kLegacyFile;
    std::string_view path = membership.path;
    while (path.starts_with("/..") && (path.size() == 3 || path[3] == '/')) path.remove_prefix(3);
    if (leads_upwards(path)) path = {};
    for_each_parent(std::string(path), [&](const std::string& folder) {
        const Result<UniqueFd> opened = open_regular_file_in(own_root, mount_point + folder + "/" + std::string(file));
        if (!opened) return;
        const Result<std::string> value = read_all(*opened, kMaxLimitFileBytes);
        if (value) tightest.consider(*value, file);
    });
}

}  // namespace

std::vector<CgroupMembership> parse_cgroups(std::string_view text) {
    std::vector<CgroupMembership> memberships;
    while (!text.empty()) {
        std::string_view path = cut_line(text);
        const auto hierarchy = parse_number<uint32_t>(cut_until(path, ':'));
        const std::string_view controllers = cut_until(path, ':');
        if (!hierarchy || !path.starts_with('/')) continue;
        // A cgroup that was removed while the process (a zombie) still belongs to it.
        if (path.ends_with(kDeletedSuffix)) path.remove_suffix(kDeletedSuffix.size());
        memberships.push_back({*hierarchy == 0 && controllers.empty(), std::string(controllers), std::string(path)});
    }
    return memberships;
}

std::vector<CgroupMembership> read_cgroups(const ProcRoot& root, pid_t pid) {
    const Result<std::string> text = read_file_bounded(process_path(root, pid, "cgroup"), kMaxCgroupBytes);
    return text ? parse_cgroups(*text) : std::vector<CgroupMembership>{};
}

std::optional<MemoryLimit> read_memory_limit(const ProcRoot& root, pid_t pid) {
    const std::vector<Mount> mounts = read_mounts(root.path + "/self/mountinfo");
    TightestLimit tightest;
    for (const CgroupMembership& membership : read_cgroups(root, pid)) {
        bool seen = false;
        if (membership.unified) {
            seen = consider_mounted(mounts, root.cgroup_path, membership, tightest) ||
                   consider_mounted(mounts, root.cgroup_path + "/unified", membership, tightest);
        } else if (has_controller(membership.controllers, "memory")) {
            seen = consider_mounted(mounts, root.cgroup_path + "/memory", membership, tightest);
        } else {
            continue;
        }
        if (!seen) consider_own_view(root, pid, membership, tightest);
    }
    return std::move(tightest).take();
}

namespace {

bool visit_mounted(const std::vector<Mount>& mounts, const std::string& mount_point, const std::string& path,
                   const std::function<void(const CgroupFile&)>& visit) {
    const auto below = path_below_mount(mounts, mount_point, path);
    if (!below || !is_folder(mount_point + *below)) return false;
    for_each_parent(*below, [&](const std::string& folder) {
        visit([&](std::string_view file) -> std::optional<std::string> {
            Result<std::string> text =
                read_file_bounded(mount_point + folder + "/" + std::string(file), kMaxLimitFileBytes);
            if (!text) return std::nullopt;
            return *std::move(text);
        });
    });
    return true;
}

// As in consider_own_view().
void visit_own_view(const ProcRoot& root, pid_t pid, const std::string& mount_point, std::string_view path,
                    const std::function<void(const CgroupFile&)>& visit) {
    const std::string own_root = process_path(root, pid, "root");
    while (path.starts_with("/..") && (path.size() == 3 || path[3] == '/')) path.remove_prefix(3);
    if (leads_upwards(path)) path = {};
    for_each_parent(std::string(path), [&](const std::string& folder) {
        visit([&](std::string_view file) -> std::optional<std::string> {
            const Result<UniqueFd> opened =
                open_regular_file_in(own_root, mount_point + folder + "/" + std::string(file));
            if (!opened) return std::nullopt;
            Result<std::string> text = read_all(*opened, kMaxLimitFileBytes);
            if (!text) return std::nullopt;
            return *std::move(text);
        });
    });
}

}  // namespace

void for_each_cgroup(const ProcRoot& root, pid_t pid, std::string_view controller,
                     const std::function<void(const CgroupFile& file)>& visit) {
    const std::vector<Mount> mounts = read_mounts(root.path + "/self/mountinfo");
    const std::string legacy = "/" + std::string(controller);
    for (const CgroupMembership& membership : read_cgroups(root, pid)) {
        if (membership.unified) {
            if (!visit_mounted(mounts, root.cgroup_path, membership.path, visit) &&
                !visit_mounted(mounts, root.cgroup_path + "/unified", membership.path, visit))
                visit_own_view(root, pid, "sys/fs/cgroup", membership.path, visit);
        } else if (has_controller(membership.controllers, controller)) {
            if (!visit_mounted(mounts, root.cgroup_path + legacy, membership.path, visit))
                visit_own_view(root, pid, "sys/fs/cgroup" + legacy, membership.path, visit);
        }
    }
}

}  // namespace whoholds
