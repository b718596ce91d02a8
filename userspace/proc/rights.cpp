#include "proc/rights.h"

#include <fmt/format.h>

#include <vector>

#include "base/file.h"
#include "proc/proc_text.h"
#include "proc/system.h"

namespace whoholds {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 10;

// The first user namespace maps all numbers to themselves, in one line.
bool is_first_user_namespace(std::string_view uid_map) {
    const std::string_view inside = cut_field(uid_map);
    const std::string_view outside = cut_field(uid_map);
    return inside == "0" && outside == "0" && trim_blanks(uid_map) == "4294967295";
}

// Containers seldom see securityfs; the parameters of the kernel say it where nobody has locked it later.
bool is_locked_down(const ProcRoot& root, const std::string& lockdown_path) {
    if (const auto lockdown = read_file_bounded(lockdown_path, kMaxBytes))
        return lockdown->find("[confidentiality]") != std::string::npos;
    const auto parameters = read_file_bounded(root.path + "/cmdline", kMaxBytes);
    return parameters && (" " + *parameters).find(" lockdown=confidentiality") != std::string::npos;
}

uint32_t effective_user(std::string_view status) {
    std::string_view users = find_field(status, "Uid:").value_or("");
    cut_field(users);
    return parse_number<uint32_t>(cut_field(users)).value_or(0);
}

std::vector<std::string_view> missing_capabilities(const Rights& rights) {
    std::vector<std::string_view> missing;
    const bool has_bpf = rights.has(Capability::kBpf);
    const bool has_perfmon = rights.has(Capability::kPerfmon);
    if (!rights.has(Capability::kSysAdmin)) {
        if (!has_bpf && !has_perfmon) missing.emplace_back("SYS_ADMIN");
        if (has_bpf && !has_perfmon) missing.emplace_back("PERFMON");
        if (has_perfmon && !has_bpf) missing.emplace_back("BPF");
    }
    if (!rights.has(Capability::kSysPtrace)) missing.emplace_back("SYS_PTRACE");
    return missing;
}

std::string lacks(const std::vector<std::string_view>& missing) {
    return fmt::format(
        "CAP_{} {} missing: run it as root, in a container with --cap-add={} (kubectl debug: --profile=sysadmin)",
        fmt::join(missing, " and CAP_"), missing.size() > 1 ? "are" : "is", fmt::join(missing, " --cap-add="));
}

}  // namespace

Result<Rights> read_own_rights(const ProcRoot& root, const std::string& lockdown_path) {
    WH_TRY(const std::string status, read_file_bounded(root.path + "/self/status", kMaxBytes));
    Rights rights;
    rights.capabilities = parse_number<uint64_t>(find_field(status, "CapEff:").value_or("0"), 16).value_or(0);
    rights.user = effective_user(status);
    rights.is_filtered = find_field(status, "Seccomp:").value_or("0") == "2";
    if (const auto uid_map = read_file_bounded(root.path + "/self/uid_map", kMaxBytes))
        rights.in_user_namespace = !is_first_user_namespace(*uid_map);
    rights.is_locked_down = is_locked_down(root, lockdown_path);
    if (const auto release = read_kernel_release(root))
        rights.charges_locked_memory = *release < KernelRelease{5, 11, 0};
    return rights;
}

std::string what_stands_in_the_way(const Rights& rights) {
    if (rights.in_user_namespace)
        return "whoholds runs in a user namespace, where the kernel refuses to be traced whatever the capabilities: "
               "run it "
               "outside, by rootful podman or docker without --userns, in Kubernetes in a pod without hostUsers: false";
    if (rights.user != 0 && missing_capabilities(rights).size() > 1)
        return fmt::format(
            "it runs as user {} without the capabilities it needs: run it as root (sudo), in a container with "
            "--user=0, in a pod with securityContext: {{runAsUser: 0, runAsNonRoot: false}} (kubectl debug: --custom)",
            rights.user);
    if (const auto missing = missing_capabilities(rights); !missing.empty()) return lacks(missing);
    if (rights.is_filtered)
        return "a seccomp filter refuses bpf(2): run the container with --security-opt=seccomp=unconfined, the pod "
               "with "
               "securityContext: {seccompProfile: {type: Unconfined}}, or add the capability SYS_ADMIN "
               "(--cap-add=SYS_ADMIN)";
    if (rights.is_locked_down)
        return "the kernel is locked down (lockdown=confidentiality) and lets no BPF program read memory: it has to be "
               "booted with lockdown=integrity or none";
    if (rights.charges_locked_memory)
        return "this kernel counts BPF memory against the limit of locked memory, as those before 5.11 do, and "
               "whoholds "
               "needs what came with 5.15; if it was added to this one, run whoholds after `ulimit -l unlimited`, in a "
               "container with --ulimit=memlock=-1 or --cap-add=SYS_RESOURCE";
    return "";
}

std::string why_refused(const Rights& rights) {
    std::string known = what_stands_in_the_way(rights);
    if (!known.empty()) return known;
    return "the kernel refuses, though no capability is missing: a security module (SELinux, AppArmor) may stand in "
           "the way";
}

std::string why_no_perf_probes(const Rights& rights) {
    if (rights.has(Capability::kSysAdmin)) return "";
    return "this kernel has no uprobe_multi links, and other probes need CAP_SYS_ADMIN: run whoholds as root, in a "
           "container "
           "with --cap-add=SYS_ADMIN (kubectl debug: --profile=sysadmin)";
}

uint64_t capabilities_needed(const Rights& rights, bool perf_probes) {
    constexpr auto kBit = [](Capability capability) { return uint64_t{1} << static_cast<unsigned>(capability); };
    constexpr uint64_t kFiner =
        kBit(Capability::kBpf) | kBit(Capability::kPerfmon) | kBit(Capability::kCheckpointRestore);
    uint64_t needed = kBit(Capability::kSysPtrace) | kBit(Capability::kDacReadSearch) | kFiner;
    if (perf_probes || (rights.capabilities & kFiner) != kFiner) needed |= kBit(Capability::kSysAdmin);
    return rights.capabilities & needed;
}

}  // namespace whoholds
