#include "whoholds/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/unique_fd.h"

namespace whoholds {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";
// Where there is no second screen to leave, what comes next begins below ours.
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[999;1H\r\n\x1b[?1049l";
constexpr int kDeadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// What a signal handler needs: set before it can run.
struct Rescue {
    std::atomic<bool> is_needed{false};
    pid_t owner = 0;
    termios before{};
};
Rescue rescue;

void restore_before_death(int signal) {
    if (rescue.is_needed.exchange(false) && getpid() == rescue.owner) {
        [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeave.data(), kLeave.size());
        tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
    }
    raise(signal);  // SA_RESETHAND: its own action
}

void watch_for_death() {
    for (const int signal : kDeadly) {
        struct sigaction action {};
        action.sa_handler = restore_before_death;
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        sigaction(signal, &action, nullptr);
    }
}

}  // namespace

struct Terminal::State {
    UniqueFd output;      // opened anew: not blocking, which standard output's other users must not notice
    std::string pending;  // to be sent
    bool is_entered = false;

    ~State() { leave(); }

    [[nodiscard]] int output_fd() const { return output.get() >= 0 ? output.get() : STDOUT_FILENO; }

    bool send() {
        while (!pending.empty()) {
            const ssize_t written = ::write(output_fd(), pending.data(), pending.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && errno == EAGAIN) return false;
            if (written <= 0)
                pending.clear();  // nobody is there
            else
                pending.erase(0, static_cast<size_t>(written));
        }
        return true;
    }

    void leave() {
        if (!is_entered) return;
        is_entered = false;
        rescue.is_needed = false;
        pending.clear();
        [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeave.data(), kLeave.size());
        tcsetattr(STDIN_FILENO, TCSADRAIN, &rescue.before);
    }
};

Terminal::Terminal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Terminal::~Terminal() = default;
Terminal::Terminal(Terminal&&) noexcept = default;
Terminal& Terminal::operator=(Terminal&&) noexcept = default;

Result<Terminal> Terminal::open() {
    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
        return Error{ErrorCode::kInvalidArgument,
                     "top needs a terminal, and standard input or output is none (ssh and kubectl exec: -t); whoholds "
                     "-p PID prints reports instead"};
    const char* kind = getenv("TERM");
    if (kind == nullptr || std::string_view(kind) == "dumb" || *kind == '\0')
        return Error{ErrorCode::kInvalidArgument,
                     "top needs a terminal that can be drawn on, and TERM says that this one cannot; whoholds -p PID "
                     "prints reports instead"};
    auto state = std::make_unique<State>();
    if (tcgetattr(STDIN_FILENO, &rescue.before) != 0) return system_error("read the terminal's settings", errno);
    state->output.reset(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    return Terminal(std::move(state));
}

void Terminal::enter() {
    if (state_->is_entered) return;
    termios raw{};
    if (tcgetattr(STDIN_FILENO, &raw) != 0) return;
    rescue.before = raw;
    rescue.owner = getpid();
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | IGNCR | BRKINT | INPCK | ISTRIP);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    watch_for_death();
    rescue.is_needed = true;
    state_->is_entered = true;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    write(kEnter);
}

void Terminal::leave() { state_->leave(); }
bool Terminal::is_entered() const { return state_->is_entered; }
int Terminal::input_fd() const { return STDIN_FILENO; }

std::pair<size_t, size_t> Terminal::size() const {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
    return {size.ws_col, size.ws_row};
}

// VMIN is 0: an idle terminal reads as nothing, as one that hung up does. Asked only when there is something.
bool Terminal::read(std::string& bytes) {
    char buffer[256];
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    bytes.append(buffer, static_cast<size_t>(count));
    return count > 0;
}

bool Terminal::write(std::string_view bytes) {
    state_->pending += bytes;
    return state_->send();
}

bool environment_has_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = getenv(name);
        if (value == nullptr || *value == '\0') continue;
        std::string text = value;
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
    }
    return false;
}

}  // namespace whoholds
