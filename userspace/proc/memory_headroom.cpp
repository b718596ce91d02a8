#include "proc/memory_headroom.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "proc/cgroup.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 10;

std::optional<uint64_t> number_in(const std::optional<std::string>& text) {
    return text ? parse_number<uint64_t>(trim_blanks(*text)) : std::nullopt;
}

// Lines "key 123" of memory.stat.
uint64_t sum_of(std::string_view text, std::string_view first, std::string_view second) {
    uint64_t sum = 0;
    while (!text.empty()) {
        std::string_view line = cut_line(text);
        const std::string_view key = cut_field(line);
        if (key != first && key != second) continue;
        const uint64_t value = parse_number<uint64_t>(trim_blanks(line)).value_or(0);
        sum = value > UINT64_MAX - sum ? UINT64_MAX : sum + value;
    }
    return sum;
}

std::optional<MemoryHeadroom> headroom_of_machine(const ProcRoot& root) {
    const Result<std::string> memory = read_file_bounded(root.path + "/meminfo", kMaxFileBytes);
    if (!memory) return std::nullopt;
    const auto total = find_field(*memory, "MemTotal:");
    const auto available = find_field(*memory, "MemAvailable:");
    if (!total || !available) return std::nullopt;
    const auto total_bytes = parse_kib(*total);
    const auto available_bytes = parse_kib(*available);
    if (!total_bytes || *total_bytes == 0 || !available_bytes) return std::nullopt;
    return MemoryHeadroom{*total_bytes, std::min(*available_bytes, *total_bytes), "physical memory"};
}

std::optional<MemoryHeadroom> headroom_of_group(const CgroupFile& file) {
    const bool is_unified = file("memory.current").has_value();
    const char* name = is_unified ? "memory.max" : "memory.limit_in_bytes";
    const auto max = number_in(file(name));
    const auto now = number_in(file(is_unified ? "memory.current" : "memory.usage_in_bytes"));
    if (!max || *max == 0 || !now) return std::nullopt;
    const std::string stat = file("memory.stat").value_or("");
    const uint64_t given_back = is_unified ? sum_of(stat, "inactive_file", "active_file")
                                           : sum_of(stat, "total_inactive_file", "total_active_file");
    const uint64_t used = *now - std::min(*now, given_back);
    return MemoryHeadroom{*max, *max - std::min(*max, used), name};
}

double part_left(const MemoryHeadroom& headroom) {
    return static_cast<double>(headroom.left_bytes) / static_cast<double>(headroom.limit_bytes);
}

}  // namespace

std::optional<MemoryHeadroom> read_memory_headroom(const ProcRoot& root, pid_t pid) {
    std::optional<MemoryHeadroom> least = headroom_of_machine(root);
    const uint64_t machine_bytes = least ? least->limit_bytes : UINT64_MAX;
    for_each_cgroup(root, pid, "memory", [&](const CgroupFile& file) {
        std::optional<MemoryHeadroom> one = headroom_of_group(file);
        // What is not limited has a limit of nearly 2^63 in version 1.
        if (!one || one->limit_bytes >= machine_bytes) return;
        if (!least || part_left(*one) < part_left(*least)) least = std::move(one);
    });
    return least;
}

SpareMemory read_spare_memory(const ProcRoot& root, pid_t pid) {
    SpareMemory spare{.bytes = UINT64_MAX};
    if (const auto machine = headroom_of_machine(root)) spare.bytes = machine->left_bytes;
    size_t groups = 0;
    const auto consider = [&](const CgroupFile& file) {
        groups++;
        if (const auto one = headroom_of_group(file)) spare.bytes = std::min(spare.bytes, one->left_bytes);
    };
    char self[32];
    const ssize_t length = readlink((root.path + "/self").c_str(), self, sizeof(self));
    const auto own = parse_number<pid_t>(std::string_view(self, static_cast<size_t>(std::max<ssize_t>(length, 0))));
    if (own) for_each_cgroup(root, *own, "memory", consider);
    groups = 0;
    for_each_cgroup(root, pid, "memory", consider);
    char name[64];
    const ssize_t name_length = readlink((root.path + "/self/ns/cgroup").c_str(), name, sizeof(name));
    constexpr std::string_view kOfTheMachine = "cgroup:[4026531835]";  // PROC_CGROUP_INIT_INO of the kernel
    spare.sees_all_limits =
        groups > 0 && name_length > 0 && std::string_view(name, static_cast<size_t>(name_length)) == kOfTheMachine;
    return spare;
}

std::optional<uint64_t> read_rss_bytes(const ProcRoot& root, pid_t pid) {
    static const auto kPageBytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    const Result<std::string> text = read_file_bounded(process_path(root, pid, "statm"), kMaxFileBytes);
    if (!text) return std::nullopt;
    std::string_view rest = *text;
    const auto mapped = parse_number<uint64_t>(trim_blanks(cut_field(rest)));
    const auto resident = parse_number<uint64_t>(trim_blanks(cut_field(rest)));
    if (!mapped || *mapped == 0 || !resident || *resident > UINT64_MAX / kPageBytes) return std::nullopt;
    return *resident * kPageBytes;
}

}  // namespace whoholds
