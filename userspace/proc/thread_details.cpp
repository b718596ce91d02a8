#include "proc/thread_details.h"

#include "base/file.h"
#include "proc/proc_text.h"
#include "proc/stat.h"
#include "proc/system.h"

namespace whoholds {
namespace {

constexpr size_t kMaxStatBytes = size_t{16} << 10;
constexpr size_t kMaxChannelBytes = 4096;

// User and system time, fields 14 and 15 of stat as proc(5) counts them.
std::optional<double> cpu_seconds(std::string_view stat) {
    constexpr int kFirst = 3;  // what follows the name
    constexpr int kUserTime = 14;
    stat.remove_prefix(stat.rfind(')') + 1);
    for (int field = kFirst; field < kUserTime; ++field) cut_field(stat);
    const auto user = parse_number<uint64_t>(trim_blanks(cut_field(stat)));
    const auto system = parse_number<uint64_t>(trim_blanks(cut_field(stat)));
    if (!user || !system) return std::nullopt;
    return (static_cast<double>(*user) + static_cast<double>(*system)) / static_cast<double>(clock_ticks_per_second());
}

// "0" where the thread does not sleep, and for whoever may not look.
std::string read_wait_channel(const std::string& path) {
    const Result<std::string> text = read_file_bounded(path, kMaxChannelBytes);
    if (!text) return "";
    const std::string_view channel = trim_blanks(*text);
    return channel == "0" ? "" : std::string(channel);
}

}  // namespace

Result<ThreadDetails> read_thread_details(const ProcRoot& root, pid_t pid, pid_t tid) {
    const std::string folder = process_path(root, pid, "task/" + std::to_string(tid) + "/");
    Result<std::string> text = read_file_bounded(folder + "stat", kMaxStatBytes);
    if (!text && text.error().code == ErrorCode::kNotFound)
        return Error{ErrorCode::kNotFound, "no thread " + std::to_string(tid) + " in pid " + std::to_string(pid)};
    if (!text) return std::move(text).error();
    Result<ProcessStat> stat = parse_stat(*text);
    if (!stat) return std::move(stat).error().with_context(folder + "stat");

    ThreadDetails details;
    details.name = std::move(stat->command);
    details.state = stat->state;
    details.cpu_s = cpu_seconds(*text);
    details.wait_channel = read_wait_channel(folder + "wchan");
    return details;
}

}  // namespace whoholds
