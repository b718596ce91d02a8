#include "proc/selection.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/file.h"
#include "base/printable.h"
#include "proc/cgroup.h"
#include "proc/proc_text.h"
#include "proc/stat.h"

namespace whoholds {
namespace {

constexpr size_t kShortestId = 12;
constexpr size_t kCommandBytes = 15;  // TASK_COMM_LEN - 1
constexpr size_t kMaxCgroupBytes = size_t{64} << 10;
constexpr uint32_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
constexpr size_t kIdLength = 64;
constexpr std::string_view kFirstPidNamespace = "pid:[4026531836]";  // PROC_PID_INIT_INO, include/linux/proc_ns.h

bool is_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "a//b/" -> "/a/b", "/" -> ""
std::string normal_path(std::string_view path) {
    std::string normal;
    while (!path.empty()) {
        const std::string_view folder = cut_until(path, '/');
        if (!folder.empty() && folder != ".") normal.append("/").append(folder);
    }
    return normal;
}

bool is_at_or_below(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// Of cgroups of version 1 each hierarchy is mounted in a folder of its own: "memory", "cpu,cpuacct", "systemd".
bool is_mount_of(std::string_view folder, const CgroupMembership& membership) {
    if (membership.unified) return folder == "unified";
    if (folder == membership.controllers || "name=" + std::string(folder) == membership.controllers) return true;
    std::string_view rest = membership.controllers;
    while (!rest.empty()) {
        if (cut_until(rest, ',') == folder) return true;
    }
    return false;
}

bool is_member(const CgroupMembership& membership, std::string_view wanted, bool from_mount) {
    const std::string path = normal_path(membership.path);
    if (is_at_or_below(path, wanted)) return true;
    if (!from_mount) return false;
    std::string_view rest = wanted.substr(1);
    const std::string_view mount = cut_until(rest, '/');
    return is_mount_of(mount, membership) && !rest.empty() && is_at_or_below(path, "/" + std::string(rest));
}

std::string host_name_of(const ProcRoot& root, pid_t pid) {
    constexpr size_t kMaxNameBytes = 4096;
    const auto file = open_regular_file_in(process_path(root, pid, "root"), "etc/hostname");
    if (!file) return {};
    auto text = read_all(*file, kMaxNameBytes);
    return text ? std::string(trim_blanks(*text)) : std::string();
}

bool is_in_a_container(const ProcRoot& root, pid_t pid, const std::vector<std::string>& wanted) {
    const std::optional<Container> container = read_container(root, pid);
    if (!container) return false;
    const bool by_id = std::ranges::any_of(wanted, [&](const auto& one) { return is_container(*container, "", one); });
    if (by_id) return true;
    const std::string host_name = host_name_of(root, pid);
    return std::ranges::any_of(wanted, [&](const auto& one) { return is_container(*container, host_name, one); });
}

bool is_hidden_neighbour(const ProcRoot& root, pid_t pid) {
    const auto container = read_container(root, pid);
    if (container && !container->id.empty()) return false;
    const auto ours = read_link(root.path + "/self/ns/mnt");
    const auto its = read_link(process_path(root, pid, "ns/mnt"));
    return ours && its && *ours != *its;
}

bool is_in_a_cgroup(const ProcRoot& root, pid_t pid, const std::vector<std::string>& wanted) {
    const auto text = read_file_bounded(process_path(root, pid, "cgroup"), kMaxCgroupBytes);
    return text && std::ranges::any_of(
                       wanted, [&](const std::string& one) { return is_in_cgroup(*text, one, root.cgroup_path); });
}

bool is_executable(const ProcRoot& root, pid_t pid, const std::string& wanted) {
    const std::string link = process_path(root, pid, "exe");
    auto target = read_link(link);
    if (!target) return false;
    std::string_view path = *target;
    if (path.ends_with(kDeletedSuffix)) path.remove_suffix(kDeletedSuffix.size());
    if (wanted.find('/') == std::string::npos) return path.substr(path.rfind('/') + 1) == wanted;
    if (path == wanted || *target == wanted) return true;
    struct stat mapped {};
    struct stat file {};
    return ::stat(link.c_str(), &mapped) == 0 && ::stat(wanted.c_str(), &file) == 0 && mapped.st_dev == file.st_dev &&
           mapped.st_ino == file.st_ino;
}

bool is_command(std::string_view command, const std::vector<std::string>& wanted) {
    return std::ranges::any_of(
        wanted, [&](const std::string& one) { return command == std::string_view(one).substr(0, kCommandBytes); });
}

void add_words(std::string& words, std::string_view what, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (!words.empty()) words += ", ";
        words.append(what).append(" ").append(printable(name));
    }
}

}  // namespace

std::string ProcessSelection::words() const {
    std::string words;
    add_words(words, "container", containers);
    add_words(words, "cgroup", cgroups);
    add_words(words, "command", commands);
    add_words(words, "executable", executables);
    return words;
}

bool is_container(const Container& container, std::string_view host_name, std::string_view wanted) {
    const bool may_be_id = wanted.size() >= kShortestId && is_hex(wanted.substr(0, wanted.find('-')));
    if (may_be_id && !container.id.empty() && container.id.starts_with(wanted)) return true;
    if (wanted.empty()) return false;
    const std::string pod = container.pod_namespace.empty() ? "" : container.pod_namespace + "/" + container.pod;
    return wanted == container.name || wanted == container.pod || wanted == container.pod_uid || wanted == host_name ||
           (!pod.empty() && wanted == pod);
}

bool is_in_cgroup(std::string_view cgroup_text, std::string_view wanted, std::string_view cgroup_root) {
    std::string path = normal_path(wanted);
    const std::string mount = normal_path(cgroup_root);
    const bool from_mount = !mount.empty() && is_at_or_below(path, mount);
    if (from_mount) path.erase(0, mount.size());
    if (path.empty()) return false;  // the root is everything there is: not meant
    return std::ranges::any_of(parse_cgroups(cgroup_text), [&](const CgroupMembership& membership) {
        return is_member(membership, path, from_mount);
    });
}

bool is_selected(const ProcRoot& root, pid_t pid, const ProcessSelection& selection) {
    const auto stat = read_stat(root, pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X' || (stat->flags & kKernelThreadFlag) != 0) return false;
    return is_command(stat->command, selection.commands) ||
           std::ranges::any_of(selection.executables,
                               [&](const std::string& one) { return is_executable(root, pid, one); }) ||
           (!selection.cgroups.empty() && is_in_a_cgroup(root, pid, selection.cgroups)) ||
           (!selection.containers.empty() && is_in_a_container(root, pid, selection.containers)) ||
           (selection.whose_container_is_hidden && is_hidden_neighbour(root, pid));
}

Result<std::vector<pid_t>> selected_processes(const ProcRoot& root, const ProcessSelection& selection, pid_t except) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(root.path.c_str()), ::closedir);
    if (!folder) return system_error("open " + root.path, errno);
    std::vector<pid_t> pids;
    while (const dirent* entry = ::readdir(folder.get())) {
        const auto pid = parse_number<pid_t>(entry->d_name);
        if (pid && *pid > 0 && *pid != except && is_selected(root, *pid, selection)) pids.push_back(*pid);
    }
    std::ranges::sort(pids);
    return pids;
}

void widen_if_hidden(const ProcRoot& root, ProcessSelection& selection, pid_t except) {
    const auto is_full_id = [](const std::string& one) { return one.size() == kIdLength && is_hex(one); };
    const auto pid_namespace = read_link(root.path + "/self/ns/pid");
    if (!pid_namespace || *pid_namespace == kFirstPidNamespace) return;
    if (std::ranges::none_of(selection.containers, is_full_id)) return;
    const auto pids = selected_processes(root, selection, except);
    selection.whose_container_is_hidden = pids && pids->empty();
}

}  // namespace whoholds
