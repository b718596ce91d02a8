#include "proc/sleep.h"

#include "base/file.h"
#include "proc/proc_text.h"
#include "proc/stat.h"

namespace whoholds {
namespace {

constexpr uint64_t kRedZone = 128;  // below the stack pointer, which the psABI lets functions use
constexpr size_t kMaxBytes = 512;

}  // namespace

uint64_t end_of_sleepers_stack(const ProcRoot& root, pid_t pid) {
    const auto text = read_file_bounded(process_path(root, pid, "syscall"), kMaxBytes);
    if (!text) return 0;
    // The stack pointer and the program counter come last; of a thread that runs there is the word "running" alone.
    const size_t last = text->rfind(" 0x");
    const size_t at = last == std::string::npos || last == 0 ? std::string::npos : text->rfind(" 0x", last - 1);
    if (at == std::string::npos) return 0;
    constexpr size_t kPrefix = 3;
    const auto digits = std::string_view(*text).substr(at + kPrefix, last - at - kPrefix);
    const auto pointer = parse_number<uint64_t>(digits, 16).value_or(0);
    return pointer > kRedZone ? (pointer - kRedZone) & ~uint64_t{7} : 0;
}

std::string sleep_mark(const ProcRoot& root, pid_t pid) {
    auto times = read_file_bounded(process_path(root, pid, "schedstat"), kMaxBytes);
    const auto stat = read_stat(root, pid);
    return times && stat && stat->state == 'S' ? *std::move(times) : "";
}

}  // namespace whoholds
