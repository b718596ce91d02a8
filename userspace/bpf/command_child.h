// CommandChild: the process of `whoholds run -- CMD`, forked but not yet executing CMD, so that probes can be set first.
// It is ours: we may stop and continue it, and we pass on its exit status. Used by the session only.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

class CommandChild {
public:
    // Forks; the child waits for go(). Errors: command not found, not executable.
    static Result<CommandChild> fork_waiting(const std::vector<std::string>& command);
    CommandChild(CommandChild&& other) noexcept;
    CommandChild& operator=(CommandChild&& other) noexcept;
    ~CommandChild();  // if go() was not called, the child ends without having executed anything

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    void go();
    void resume() const;  // SIGCONT
    // "exited with status 3", "was killed by signal 9 (Killed)", "" while it runs. Reaps it.
    std::string status_text();

private:
    CommandChild() = default;
    pid_t pid_ = -1;
    std::string path_;
    std::string status_text_;
    UniqueFd go_fd_;
};

}  // namespace whoholds
