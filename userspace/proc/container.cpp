#include <algorithm>
#include <array>
#include <map>

#include "base/file.h"
#include "proc/cgroup.h"
#include "proc/mounts.h"
#include "proc/proc_text.h"
#include "proc/process.h"

namespace whoholds {
namespace {

constexpr size_t kMaxEnvironBytes = size_t{1} << 20;
constexpr size_t kMaxNameFileBytes = size_t{4} << 10;
constexpr size_t kIdLength = 64;
constexpr size_t kShortestId = 12;

bool is_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// AWS Fargate's form: "<32 hex digits>-<number>".
bool is_fargate_id(std::string_view text) {
    const size_t dash = text.find('-');
    if (dash != 32 || !is_hex(text.substr(0, dash))) return false;
    return parse_number<uint64_t>(text.substr(dash + 1)).has_value();
}

// One folder name of a cgroup path: "<id>", "docker-<id>.scope", "kubepods-...slice:cri-containerd:<id>".
std::optional<std::string_view> id_in(std::string_view folder) {
    constexpr std::array<std::string_view, 6> kRuntimes = {"docker-", "cri-containerd-", "crio-",
                                                           "libpod-", "nerdctl-",        "containerd-"};
    constexpr std::string_view kScope = ".scope";
    if (folder.ends_with(kScope)) folder.remove_suffix(kScope.size());
    if (const size_t colon = folder.rfind(':'); colon != std::string_view::npos) folder.remove_prefix(colon + 1);
    for (const std::string_view runtime : kRuntimes) {
        if (!folder.starts_with(runtime)) continue;
        // "crio-conmon-<id>" is the monitor of a container, which runs outside of it: no id directly behind the name.
        const std::string_view id = folder.substr(runtime.size());
        if (is_hex(id) && id.size() >= kShortestId && id.size() <= kIdLength) return id;
        return std::nullopt;
    }
    if ((is_hex(folder) && folder.size() == kIdLength) || is_fargate_id(folder)) return folder;
    return std::nullopt;
}

// "pod<uid>" and "kubepods-burstable-pod<uid with underscores>.slice"; static pods have a uid without dashes.
std::string pod_uid_in(std::string_view folder) {
    folder = folder.substr(0, folder.find(".slice"));
    const size_t pod = folder.rfind("pod");
    if (pod == std::string_view::npos) return {};
    std::string uid(folder.substr(pod + 3));
    if (uid.size() != 32 && uid.size() != 36) return {};
    if (uid.find_first_not_of("0123456789abcdef-_") != std::string::npos) return {};
    std::replace(uid.begin(), uid.end(), '_', '-');
    return uid;
}

// The innermost container of a path: containers may run in containers.
Container container_in(std::string_view path) {
    Container container;
    while (!path.empty()) {
        const std::string_view folder = cut_until(path, '/');
        if (std::string uid = pod_uid_in(folder); !uid.empty()) container.pod_uid = std::move(uid);
        if (const auto id = id_in(folder)) container.id = *id;
    }
    return container;
}

bool is_known(const Container& container) { return !container.id.empty() || !container.pod_uid.empty(); }

Container container_of(const std::vector<CgroupMembership>& memberships) {
    Container best;
    for (const CgroupMembership& membership : memberships) {
        Container found = container_in(membership.path);
        if (best.id.empty() && !found.id.empty()) return found;
        if (!is_known(best)) best = std::move(found);
    }
    return best;
}

// A name as Kubernetes allows it, or "": everything below comes from the target, which may lie.
std::string checked_name(std::string_view name) {
    name = trim_blanks(name);
    constexpr size_t kLongestName = 253;
    if (name.size() > kLongestName) return {};
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") != std::string_view::npos) return {};
    return std::string(name);
}

// The folder name that follows parent in a path, or "".
std::string_view folder_below(std::string_view path, std::string_view parent) {
    while (!path.empty()) {
        if (cut_until(path, '/') == parent) return cut_until(path, '/');
    }
    return {};
}

// Runtimes mount a container's own /etc/hostname, /etc/hosts and termination log into it, from folders that carry
// the names. Helps where the cgroup is "/" because we look from inside of the same cgroup namespace.
void add_from_mounts(const std::vector<Mount>& mounts, Container& container) {
    std::string id;
    for (const Mount& mount : mounts) {
        const std::string_view root = mount.root;
        if (mount.mount_point == "/etc/hostname") {
            std::string_view folder = folder_below(root, "containers");             // docker
            if (!id_in(folder)) folder = folder_below(root, "overlay-containers");  // podman
            if (id_in(folder)) id = folder;
        } else if (mount.mount_point == "/etc/hosts" || mount.mount_point == "/dev/termination-log") {
            const std::string uid = pod_uid_in("pod" + std::string(folder_below(root, "pods")));
            if (uid.empty()) continue;
            if (container.pod_uid.empty()) container.pod_uid = uid;
            if (container.name.empty()) container.name = checked_name(folder_below(root, "containers"));
        }
    }
    // In a pod the host's name belongs to the pod's own container, not to this one.
    if (container.id.empty() && container.pod_uid.empty()) container.id = id;
}

// Only what names pods; the rest of an environment is nobody's business.
std::map<std::string_view, std::string> read_names_in_environment(const ProcRoot& root, pid_t pid) {
    constexpr std::array<std::string_view, 5> kWanted = {"POD_NAME", "POD_NAMESPACE", "NAMESPACE", "HOSTNAME",
                                                         "KUBERNETES_SERVICE_HOST"};
    std::map<std::string_view, std::string> names;
    const Result<UniqueFd> file = open_regular_file(process_path(root, pid, "environ"));
    if (!file) return names;
    const Result<std::string> text = read_prefix(*file, kMaxEnvironBytes);
    if (!text) return names;
    std::string_view rest = *text;
    while (!rest.empty()) {
        std::string_view value = cut_until(rest, '\0');
        const std::string_view name = cut_until(value, '=');
        const auto* wanted = std::find(kWanted.begin(), kWanted.end(), name);
        if (wanted != kWanted.end()) names.emplace(*wanted, value);
    }
    return names;
}

std::string read_name_in_root(const ProcRoot& root, pid_t pid, std::string_view path) {
    const Result<UniqueFd> file = open_regular_file_in(process_path(root, pid, "root"), path);
    if (!file) return {};
    const Result<std::string> text = read_all(*file, kMaxNameFileBytes);
    return text ? checked_name(*text) : std::string();
}

void add_pod_names(const ProcRoot& root, pid_t pid, std::map<std::string_view, std::string>& names,
                   std::string account_namespace, Container& container) {
    // The host's name is the pod's name unless the pod shares the network of its node, so it is asked last.
    container.pod = checked_name(names["POD_NAME"]);
    if (container.pod.empty()) container.pod = checked_name(names["HOSTNAME"]);
    if (container.pod.empty()) container.pod = read_name_in_root(root, pid, "etc/hostname");
    container.pod_namespace = std::move(account_namespace);
    if (container.pod_namespace.empty()) container.pod_namespace = checked_name(names["POD_NAMESPACE"]);
    if (container.pod_namespace.empty()) container.pod_namespace = checked_name(names["NAMESPACE"]);
}

}  // namespace

std::optional<Container> parse_container(std::string_view cgroup_text) {
    Container container = container_of(parse_cgroups(cgroup_text));
    if (!is_known(container)) return std::nullopt;
    return container;
}

std::optional<Container> read_container(const ProcRoot& root, pid_t pid) {
    Container container = container_of(read_cgroups(root, pid));
    add_from_mounts(read_mounts(process_path(root, pid, "mountinfo")), container);

    auto names = read_names_in_environment(root, pid);
    const bool has_service_host = names.contains("KUBERNETES_SERVICE_HOST");
    const bool may_be_in_pod = !container.pod_uid.empty() || has_service_host;
    std::string account_namespace;
    if (may_be_in_pod) {
        account_namespace = read_name_in_root(root, pid, "var/run/secrets/kubernetes.io/serviceaccount/namespace");
    }
    // The variable alone proves nothing: a program on the host may have inherited it.
    const bool is_in_pod =
        !container.pod_uid.empty() || (has_service_host && (is_known(container) || !account_namespace.empty()));
    if (is_in_pod) add_pod_names(root, pid, names, std::move(account_namespace), container);
    if (!is_known(container) && !is_in_pod) return std::nullopt;
    return container;
}

}  // namespace whoholds
