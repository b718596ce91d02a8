#include "proc/oom_score.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/unique_fd.h"

namespace whoholds {

Result<void> go_first_when_memory_runs_out(const ProcRoot& root) {
    constexpr std::string_view kFirst = "1000";  // OOM_SCORE_ADJ_MAX
    const UniqueFd file(::open((root.path + "/self/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return system_error("oom_score_adj", errno);
    if (::write(file.get(), kFirst.data(), kFirst.size()) < 0) return system_error("oom_score_adj", errno);
    return {};
}

}  // namespace whoholds
