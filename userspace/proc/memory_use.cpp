#include "base/file.h"
#include "proc/cgroup.h"
#include "proc/proc_text.h"
#include "proc/process.h"

namespace whoholds {
namespace {

constexpr size_t kMaxStatusBytes = size_t{64} << 10;

Result<std::string> read_text(const ProcRoot& root, pid_t pid, std::string_view file) {
    Result<std::string> text = read_file_bounded(process_path(root, pid, file), kMaxStatusBytes);
    if (!text && text.error().code == ErrorCode::kNotFound) return no_such_process(pid);
    return text;
}

// Kernel threads and zombies have no such lines: nothing is held.
uint64_t bytes_of(std::string_view text, std::string_view key) {
    const auto value = find_field(text, key);
    return value ? parse_kib(*value).value_or(0) : 0;
}

}  // namespace

Result<MemoryUse> read_memory(const ProcRoot& root, pid_t pid, bool with_pss) {
    WH_TRY(const std::string status, read_text(root, pid, "status"));
    MemoryUse use;
    use.rss_bytes = bytes_of(status, "VmRSS:");
    use.anon_bytes = bytes_of(status, "RssAnon:");
    use.file_bytes = bytes_of(status, "RssFile:");
    use.shmem_bytes = bytes_of(status, "RssShmem:");
    use.virtual_bytes = bytes_of(status, "VmSize:");
    use.swap_bytes = bytes_of(status, "VmSwap:");

    if (with_pss) {
        // Not readable without the right to trace; the rest of the report does not depend on it.
        const Result<std::string> rollup = read_text(root, pid, "smaps_rollup");
        if (rollup) {
            if (const auto pss = find_field(*rollup, "Pss:")) use.pss_bytes = parse_kib(*pss);
        }
    }

    if (std::optional<MemoryLimit> limit = read_memory_limit(root, pid)) {
        use.limit_bytes = limit->bytes;
        use.limit_source = std::move(limit->source);
    }
    return use;
}

}  // namespace whoholds
