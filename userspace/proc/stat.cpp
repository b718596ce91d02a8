#include "proc/stat.h"

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxStatBytes = size_t{16} << 10;

}  // namespace

Result<ProcessStat> parse_stat(std::string_view text) {
    const Error malformed{ErrorCode::kMalformed, "stat: not the form \"pid (name) state ...\""};
    const size_t open = text.find('(');
    const size_t close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return malformed;

    ProcessStat stat;
    stat.command = text.substr(open + 1, close - open - 1);
    std::string_view rest = text.substr(close + 1);
    // proc(5) counts from 1: pid is field 1, the name 2, the state 3, flags 9, starttime 22.
    const std::string_view state = cut_field(rest);
    if (state.size() != 1) return malformed;
    stat.state = state[0];
    for (int field = 4; field <= 22; ++field) {
        const std::string_view value = trim_blanks(cut_field(rest));
        if (field == 9) {
            const auto flags = parse_number<uint32_t>(value);
            if (!flags) return malformed;
            stat.flags = *flags;
        } else if (field == 22) {
            const auto start_ticks = parse_number<uint64_t>(value);
            if (!start_ticks) return malformed;
            stat.start_ticks = *start_ticks;
        }
    }
    return stat;
}

Result<ProcessStat> read_stat(const ProcRoot& root, pid_t pid) {
    const std::string path = process_path(root, pid, "stat");
    Result<std::string> text = read_file_bounded(path, kMaxStatBytes);
    if (!text) {
        if (text.error().code == ErrorCode::kNotFound) return no_such_process(pid);
        return std::move(text).error();
    }
    Result<ProcessStat> stat = parse_stat(*text);
    if (!stat) return std::move(stat).error().with_context(path);
    return stat;
}

}  // namespace whoholds
