#include "e2e/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace whoholds::e2e {

namespace {

constexpr int kExecFailed = 127;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::abort();
}

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
    Pipe() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) give_up("pipe2");
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
    }
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> environment_with(const std::vector<std::string>& added) {
    std::vector<std::string> all = added;
    for (char** entry = environ; *entry != nullptr; entry++) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('=') + 1);
        bool replaced = false;
        for (const std::string& one : added) replaced = replaced || one.starts_with(name);
        if (!replaced) all.emplace_back(text);
    }
    return all;
}

}  // namespace

LineReader::LineReader(UniqueFd fd) : fd_(std::move(fd)), thread_([this] { read_all(); }) {}

LineReader::~LineReader() { join(); }

void LineReader::join() {
    if (thread_.joinable()) thread_.join();
}

void LineReader::keep_lines(std::string& partial, bool end) {
    const std::lock_guard lock(mutex_);
    size_t start = 0;
    for (size_t newline = partial.find('\n'); newline != std::string::npos; newline = partial.find('\n', start)) {
        lines_.push_back(partial.substr(start, newline - start));
        start = newline + 1;
    }
    partial.erase(0, start);
    if (end && !partial.empty()) lines_.push_back(partial);
    ended_ = end;
    changed_.notify_all();
}

void LineReader::read_all() {
    std::string partial;
    std::vector<char> bytes(1 << 16);
    for (;;) {
        const ssize_t size = read(fd_.get(), bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        {
            const std::lock_guard lock(mutex_);
            all_.append(bytes.data(), static_cast<size_t>(size));
        }
        partial.append(bytes.data(), static_cast<size_t>(size));
        keep_lines(partial, false);
    }
    keep_lines(partial, true);
}

std::optional<std::string> LineReader::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !lines_.empty(); });
    if (lines_.empty()) return std::nullopt;
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
}

std::optional<std::string> LineReader::next_with(std::string_view text) {
    while (std::optional<std::string> line = next()) {
        if (line->find(text) != std::string::npos) return line;
    }
    return std::nullopt;
}

std::string LineReader::all() const {
    const std::lock_guard lock(mutex_);
    return all_;
}

Process::Process(const Launch& launch) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::vector<std::string> environment = environment_with(launch.environment);
    std::vector<char*> arguments = pointers_to(launch.command);
    std::vector<char*> variables = pointers_to(environment);
    Pipe input;
    Pipe output;
    Pipe errors;
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) give_up("fork");
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(kExecFailed);
        std::signal(SIGPIPE, SIG_DFL);
        dup2(input.read_end.get(), STDIN_FILENO);
        dup2(output.write_end.get(), STDOUT_FILENO);
        dup2(errors.write_end.get(), STDERR_FILENO);
        if (launch.in_child) launch.in_child();
        execvpe(arguments[0], arguments.data(), variables.data());
        _exit(kExecFailed);
    }
    output.write_end.reset();
    errors.write_end.reset();
    input_ = std::move(input.write_end);
    output_ = std::make_unique<LineReader>(std::move(output.read_end));
    errors_ = std::make_unique<LineReader>(std::move(errors.read_end));
}

Process::~Process() {
    send_signal(SIGKILL);
    wait();
}

bool Process::write_line(std::string_view line) {
    const std::string text = std::string(line) + "\n";
    return write(input_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void Process::send_signal(int signal) {
    if (!exit_code_) kill(pid_, signal);
}

int Process::wait() {
    int status = 0;
    while (!exit_code_) {
        const pid_t ended = waitpid(pid_, &status, 0);
        if (ended < 0 && errno == EINTR) continue;
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return *exit_code_;
}

bool Process::is_running() {
    int status = 0;
    if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return !exit_code_;
}

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "whoholds-e2e-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) give_up("mkdtemp");
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::string folders = (path != nullptr ? std::string(path) : std::string()) + ":/usr/sbin:/sbin:/usr/local/sbin";
    for (size_t start = 0; start < folders.size();) {
        const size_t end = std::min(folders.find(':', start), folders.size());
        const std::string candidate = folders.substr(start, end - start) + "/" + name;
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
        start = end + 1;
    }
    return "";
}

}  // namespace whoholds::e2e
