// A child process that a test forks: it runs a function, says that it is ready, and then waits to be told to end.
// Everything is ordered by pipes; nothing sleeps.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/unique_fd.h"

namespace whoholds {

class Child {
public:
    // In the child: runs work, then stays until the test lets go. If work executes another program, whose standard
    // input is the pipe that ends with this object, that counts as ready. clone_flags as for clone(2).
    explicit Child(const std::function<void()>& work, int clone_flags = 0) {
        int ready[2];
        int stay[2];
        if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(stay, O_CLOEXEC) != 0) ADD_FAILURE() << "pipe";
        pid_ = static_cast<pid_t>(::syscall(SYS_clone, clone_flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
        if (pid_ == 0) {
            ::close(ready[0]);
            ::close(stay[1]);
            ::dup2(stay[0], STDIN_FILENO);
            work();
            ::close(ready[1]);
            char byte = 0;
            while (::read(STDIN_FILENO, &byte, 1) < 0) {}
            ::_exit(0);
        }
        ::close(stay[0]);
        ::close(ready[1]);
        stay_.reset(stay[1]);
        ready_.reset(ready[0]);
        if (pid_ < 0) return;
        // Ends when the child closes its side, by itself, by exec or by dying.
        char byte = 0;
        while (::read(ready_.get(), &byte, 1) > 0) {}
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { end(); }

    [[nodiscard]] bool started() const { return pid_ > 0; }
    [[nodiscard]] pid_t pid() const { return pid_; }

    // The child has ended, its exit status is not yet taken: a zombie.
    void wait_until_zombie() {
        stay_.reset();
        siginfo_t info{};
        EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT), 0);
    }
    void end() {
        stay_.reset();
        if (pid_ > 0 && !ended_) ::waitpid(pid_, nullptr, 0);
        ended_ = true;
    }

private:
    pid_t pid_ = -1;
    bool ended_ = false;
    UniqueFd ready_;
    UniqueFd stay_;
};

}  // namespace whoholds
