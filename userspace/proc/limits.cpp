#include "proc/limits.h"

#include "base/file.h"
#include "proc/cgroup.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 10;

std::optional<uint64_t> number_in(const std::optional<std::string>& text) {
    return text ? parse_number<uint64_t>(trim_blanks(*text)) : std::nullopt;
}

// "Max open files            1024                 524288               files"
std::optional<uint64_t> read_open_files(const ProcRoot& root, pid_t pid) {
    const Result<std::string> text = read_file_bounded(process_path(root, pid, "limits"), kMaxFileBytes);
    if (!text) return std::nullopt;
    auto rest = find_field(*text, "Max open files");
    return rest ? parse_number<uint64_t>(cut_field(*rest)) : std::nullopt;  // not of "unlimited"
}

void read_pids(const ProcRoot& root, pid_t pid, Limits& limits) {
    uint64_t least_room = UINT64_MAX;
    for_each_cgroup(root, pid, "pids", [&](const CgroupFile& file) {
        const auto max = number_in(file("pids.max"));
        const auto now = number_in(file("pids.current"));
        if (!max || !now) return;
        const uint64_t room = *max > *now ? *max - *now : 0;
        if (room >= least_room) return;
        least_room = room;
        limits.pids_max = max;
        limits.pids_now = now;
    });
}

// A line "key 123" of memory.stat.
std::optional<uint64_t> stat_value(const std::string& text, std::string_view key) {
    std::string_view rest = text;
    while (!rest.empty()) {
        std::string_view line = cut_line(rest);
        if (cut_field(line) == key) return parse_number<uint64_t>(trim_blanks(line));
    }
    return std::nullopt;
}

void read_group_memory(const ProcRoot& root, pid_t pid, Limits& limits) {
    bool is_own = true;
    uint64_t tightest = UINT64_MAX;
    for_each_cgroup(root, pid, "memory", [&](const CgroupFile& file) {
        const bool is_unified = file("memory.current").has_value();
        const auto max = number_in(file(is_unified ? "memory.max" : "memory.limit_in_bytes"));
        if (max && *max < tightest) {
            tightest = *max;
            limits.memory_now_bytes = number_in(file(is_unified ? "memory.current" : "memory.usage_in_bytes"));
        }
        if (!is_own) return;
        is_own = false;
        const std::optional<std::string> stat = file("memory.stat");
        if (!stat) return;
        limits.group_file_bytes = stat_value(*stat, is_unified ? "file" : "cache");
        limits.group_shmem_bytes = stat_value(*stat, "shmem");
        limits.group_anon_bytes = stat_value(*stat, is_unified ? "anon" : "rss");
    });
}

}  // namespace

Limits read_limits(const ProcRoot& root, pid_t pid) {
    Limits limits;
    limits.open_files = read_open_files(root, pid);
    read_pids(root, pid, limits);
    read_group_memory(root, pid, limits);
    const Result<std::string> memory = read_file_bounded(root.path + "/meminfo", kMaxFileBytes);
    if (!memory) return limits;
    if (const auto value = find_field(*memory, "MemTotal:")) limits.machine_total_bytes = parse_kib(*value);
    if (const auto value = find_field(*memory, "MemAvailable:")) limits.machine_available_bytes = parse_kib(*value);
    return limits;
}

}  // namespace whoholds
