#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace whoholds::bench {

namespace {

constexpr int kInterrupts = 5;
constexpr int kInterruptPatienceMs = 3000;

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

Result<Pipe> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", errno);
    Pipe pipe;
    pipe.read_end.reset(ends[0]);
    pipe.write_end.reset(ends[1]);
    return pipe;
}

[[noreturn]] void become(const std::vector<std::string>& command, int input, int output, int errors) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    if (errors >= 0) ::dup2(errors, STDERR_FILENO);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& command, Output output) {
    WH_TRY(Pipe to_child, make_pipe());
    WH_TRY(Pipe from_child, make_pipe());
    UniqueFd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    bool discard = output == Output::kDiscard;

    Child child;
    child.name_ = command.at(0);
    child.pid_ = ::fork();
    if (child.pid_ < 0) return system_error("fork", errno);
    if (child.pid_ == 0) {
        become(command, to_child.read_end.get(), discard ? nowhere.get() : from_child.write_end.get(),
               discard ? nowhere.get() : -1);
    }
    child.input_ = std::move(to_child.write_end);
    child.output_ = std::move(from_child.read_end);
    return child;
}

Child::Child(Child&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)) {}

Child::~Child() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
}

Result<std::string> Child::ask(const std::string& line) {
    const std::string text = line + "\n";
    if (::write(input_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return system_error("write to " + name_, errno);
    }
    std::string answer;
    char byte = 0;
    while (::read(output_.get(), &byte, 1) == 1) {
        if (byte == '\n') return answer;
        answer.push_back(byte);
    }
    return Error{ErrorCode::kSystem, name_ + " ended without an answer"};
}

bool Child::is_running() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

void Child::interrupt_and_wait() {
    // bpftrace forgets a SIGINT that comes before it has attached everything, so it may take more than one.
    UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd wait_for{.fd = ended.get(), .events = POLLIN, .revents = 0};
    for (int attempt = 0; attempt < kInterrupts; attempt++) {
        ::kill(pid_, SIGINT);
        if (::poll(&wait_for, 1, kInterruptPatienceMs) == 1) break;
    }
    if (is_running()) ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

}  // namespace whoholds::bench
