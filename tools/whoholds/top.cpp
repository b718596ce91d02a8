#include "whoholds/top.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/printable.h"
#include "base/unique_fd.h"
#include "bpf/session.h"
#include "top/keys.h"
#include "top/screen.h"
#include "top/top_model.h"
#include "top/view.h"
#include "whoholds/session_options.h"
#include "whoholds/terminal.h"

namespace whoholds {
namespace {

constexpr double kIntervalS = 2;  // without INTERVAL

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    return set;
}

// Keys and signals in, the screen out. What the session has to know is one descriptor that becomes readable.
class LiveScreen {
public:
    LiveScreen(Terminal& terminal, TerminalTraits traits, TopColumn column)
        : terminal_(terminal), painter_(traits), model_(column) {}

    // The window's size, and stopping and going on, become readable from now on.
    void watch_signals() {
        const sigset_t signals = set_of({SIGWINCH, SIGTSTP, SIGCONT});
        sigprocmask(SIG_BLOCK, &signals, nullptr);
        signals_.reset(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
        both_.reset(epoll_create1(EPOLL_CLOEXEC));
        for (const int fd : {terminal_.input_fd(), signals_.get()}) {
            epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
            epoll_ctl(both_.get(), EPOLL_CTL_ADD, fd, &event);
        }
    }
    [[nodiscard]] int fd() const { return both_.get(); }

    void begin() {
        terminal_.enter();
        resize();
        draw_now();
    }
    void take(const Report& report) {
        model_.take(report);
        draw_now();
    }
    void say(const std::string& line) {
        if (!terminal_.is_entered()) {
            if (!line.empty()) fmt::print(stderr, "{}\n", printable(line));
            return;
        }
        model_.say(line);
        draw_now();
    }
    // False: the user wants to leave.
    bool on_ready() {
        take_signals();
        return take_keys();
    }
    // Nothing more comes. Looked at until the user leaves, or a signal says so.
    void stay(const std::string& why) {
        const sigset_t ends = set_of({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
        sigprocmask(SIG_BLOCK, &ends, nullptr);
        const UniqueFd ended(signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
        model_.end(why);
        draw_now();
        for (;;) {
            pollfd ready[] = {{fd(), POLLIN, 0}, {ended.get(), POLLIN, 0}};
            const int timeout_ms = is_behind_ ? 50 : -1;
            if (poll(ready, 2, timeout_ms) == 0) draw_now();
            if (ready[1].revents != 0) return;
            if (ready[0].revents != 0 && !on_ready()) return;
        }
    }

private:
    void resize() {
        const auto [width, height] = terminal_.size();
        model_.resize(width, height);
        painter_.forget();
    }

    // A terminal that is slow gets the next picture when it has taken the last one.
    void draw_now() {
        if (!terminal_.is_entered()) return;
        is_behind_ = !terminal_.write("");
        if (is_behind_) return;
        is_behind_ = !terminal_.write(painter_.paint(draw(model_.state())));
    }

    void take_signals() {
        signalfd_siginfo info{};
        while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
            if (info.ssi_signo == SIGWINCH) resize();
            if (info.ssi_signo == SIGTSTP) suspend(getpid());
            if (info.ssi_signo == SIGCONT) come_back();
        }
        draw_now();
    }

    bool take_keys() {
        std::string bytes;
        pollfd input{.fd = terminal_.input_fd(), .events = POLLIN, .revents = 0};
        if (poll(&input, 1, 0) <= 0) return true;
        if (!terminal_.read(bytes)) return false;
        for (const Key& key : keys_.feed(bytes))
            if (!take_key(key)) return false;
        // The rest of a sequence follows at once, or it was the escape key.
        constexpr int kRestMs = 25;
        if (keys_.is_waiting() && poll(&input, 1, kRestMs) > 0) return take_keys();
        for (const Key& key : keys_.flush())
            if (!take_key(key)) return false;
        draw_now();
        return true;
    }

    bool take_key(const Key& key) {
        switch (model_.press(key)) {
            case TopWish::kNothing: return true;
            case TopWish::kQuit: terminal_.leave(); return false;
            case TopWish::kSuspend: suspend(0); return true;
            case TopWish::kRedraw: resize(); return true;
        }
        return true;
    }

    // As a terminal does it at Ctrl-Z; whom: 0 is the whole job.
    void suspend(pid_t whom) {
        terminal_.leave();
        const sigset_t stop = set_of({SIGTSTP});
        sigprocmask(SIG_UNBLOCK, &stop, nullptr);
        kill(whom, SIGTSTP);  // and here it goes on, later
        sigprocmask(SIG_BLOCK, &stop, nullptr);
        come_back();
    }
    void come_back() {
        terminal_.leave();
        terminal_.enter();
        resize();
        draw_now();
    }

    Terminal& terminal_;
    Painter painter_;
    TopModel model_;
    KeyReader keys_;
    UniqueFd signals_;
    UniqueFd both_;
    bool is_behind_ = false;
};

TopColumn column_of(Options::Sort sort) {
    switch (sort) {
        case Options::Sort::kBytes: return TopColumn::kBytes;
        case Options::Sort::kCount: return TopColumn::kCount;
        case Options::Sort::kAge: return TopColumn::kAge;
        case Options::Sort::kTotal: return TopColumn::kTotal;
    }
    return TopColumn::kBytes;
}

}  // namespace

int run_top(const Options& options) {
    auto terminal = Terminal::open();
    if (!terminal) {
        fmt::print(stderr, "whoholds: {}\n", terminal.error().message);
        return terminal.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailure;
    }
    const bool has_colors = options.color == Options::Color::kAlways ||
                            (options.color == Options::Color::kAuto && getenv("NO_COLOR") == nullptr);
    LiveScreen screen(*terminal, {.has_utf8 = environment_has_utf8(), .has_colors = has_colors},
                      column_of(options.sort));
    SessionOptions session = session_options(options);
    if (!options.has_interval) session.interval_s = kIntervalS;
    session.report_at_start = true;
    std::optional<Suppressions> suppressions = options.suppressions;
    if (suppressions) session.suppressions = &*suppressions;
    screen.watch_signals();
    bool has_left = false;
    std::string ended;
    SessionEvents events;
    events.on_progress = [&](const std::string& line) { screen.say(line); };
    events.on_start = [&] { screen.begin(); };
    events.on_report = [&](const Report& report, const std::function<bool()>&) {
        screen.take(report);
        if (report.final) ended = report.end_reason;
        return true;
    };
    events.input_fd = screen.fd();
    events.on_input = [&] {
        has_left = !screen.on_ready();
        return !has_left;
    };
    events.on_end_signal = [&] { has_left = true; };
    if (auto failure = run_session(session, events)) {
        terminal->leave();
        return fail(*failure);
    }
    if (!has_left) screen.stay(ended.empty() ? "the session has ended" : ended);
    terminal->leave();
    return kExitReported;
}

}  // namespace whoholds
