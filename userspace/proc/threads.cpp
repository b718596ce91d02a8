#include "proc/threads.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/file.h"
#include "proc/proc_text.h"

namespace whoholds {
namespace {

constexpr size_t kMaxThreads = size_t{4} << 20;  // the kernel's PID_MAX_LIMIT on 64-bit machines

struct FolderCloser {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

Error folder_error(const std::string& path, pid_t pid) {
    Error error = system_error("read " + path, errno);
    return error.code == ErrorCode::kNotFound ? no_such_process(pid) : error;
}

}  // namespace

Result<std::vector<pid_t>> read_threads(const ProcRoot& root, pid_t pid) {
    const std::string path = process_path(root, pid, "task");
    const std::unique_ptr<DIR, FolderCloser> folder(::opendir(path.c_str()));
    if (!folder) return folder_error(path, pid);

    std::vector<pid_t> tids;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(folder.get());
        if (entry == nullptr) break;
        const auto tid = parse_number<pid_t>(static_cast<const char*>(entry->d_name));
        if (!tid || *tid <= 0) continue;
        if (tids.size() == kMaxThreads) return Error{ErrorCode::kLimit, "read " + path + ": too many threads"};
        tids.push_back(*tid);
    }
    if (errno != 0) return folder_error(path, pid);
    // The process died between opening and reading: the kernel then lists nobody.
    if (tids.empty()) return no_such_process(pid);
    std::sort(tids.begin(), tids.end());
    return tids;
}

}  // namespace whoholds
