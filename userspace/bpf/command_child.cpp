#include "bpf/command_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace whoholds {

namespace {

bool is_executable_file(const std::string& path) {
    struct stat file {};
    return stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) && access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_command(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        if (is_executable_file(name)) return name;
        return Error{ErrorCode::kNotFound, fmt::format("{}: no such program", name)};
    }
    const char* path = getenv("PATH");
    std::string folders = path ? path : "/usr/local/bin:/usr/bin:/bin";
    for (size_t begin = 0; begin <= folders.size();) {
        size_t end = std::min(folders.find(':', begin), folders.size());
        std::string candidate = fmt::format("{}/{}", folders.substr(begin, end - begin), name);
        if (is_executable_file(candidate)) return candidate;
        begin = end + 1;
    }
    return Error{ErrorCode::kNotFound, fmt::format("{}: no such program in PATH", name)};
}

[[noreturn]] void execute_when_told(int go_fd, const std::string& path, const std::vector<std::string>& command) {
    char byte = 0;
    if (read(go_fd, &byte, 1) != 1) _exit(0);
    // Should whoholds be killed while the command waits at the dynamic linker, the kernel lets it go on.
    prctl(PR_SET_PDEATHSIG, SIGCONT);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execv(path.c_str(), arguments.data());
    dprintf(STDERR_FILENO, "whoholds: cannot execute %s: %s\n", path.c_str(), strerror(errno));
    _exit(127);
}

}  // namespace

Result<CommandChild> CommandChild::fork_waiting(const std::vector<std::string>& command) {
    WH_TRY(std::string path, find_command(command.at(0)));
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
    UniqueFd read_end(fds[0]);
    UniqueFd write_end(fds[1]);
    pid_t pid = fork();
    if (pid < 0) return system_error("fork", errno);
    if (pid == 0) {
        write_end.reset();
        execute_when_told(read_end.get(), path, command);
    }
    CommandChild child;
    child.pid_ = pid;
    child.path_ = std::move(path);
    child.go_fd_ = std::move(write_end);
    return child;
}

CommandChild::CommandChild(CommandChild&& other) noexcept { *this = std::move(other); }

CommandChild& CommandChild::operator=(CommandChild&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(path_, other.path_);
    std::swap(status_text_, other.status_text_);
    std::swap(go_fd_, other.go_fd_);
    return *this;
}

CommandChild::~CommandChild() {
    bool never_went = static_cast<bool>(go_fd_);
    go_fd_.reset();
    if (pid_ > 0 && never_went) waitpid(pid_, nullptr, 0);
}

void CommandChild::go() {
    ssize_t written = write(go_fd_.get(), "g", 1);
    (void)written;  // if it is gone, its pidfd says so
    go_fd_.reset();
}

void CommandChild::resume() const { kill(pid_, SIGCONT); }

std::string CommandChild::status_text() {
    int status = 0;
    if (status_text_.empty() && waitpid(pid_, &status, WNOHANG) == pid_) {
        if (WIFEXITED(status)) status_text_ = fmt::format("the command exited with status {}", WEXITSTATUS(status));
        if (WIFSIGNALED(status))
            status_text_ =
                fmt::format("the command was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    return status_text_;
}

}  // namespace whoholds
