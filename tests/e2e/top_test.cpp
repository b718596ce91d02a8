// `whoholds top` in a real terminal, that of tmux: what is on the screen, and that the terminal is as it was whatever ended it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "e2e/places.h"
#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A server of tmux of its own with one window, in which a shell runs commands.
class TerminalWindow {
public:
    explicit TerminalWindow(const std::string& environment = "LC_ALL=C.UTF-8") {
        tmux({"-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
              "env " + environment + " PS1='at the prompt$ ' sh"});
        until("at the prompt$");
    }
    ~TerminalWindow() { tmux({"kill-server"}); }
    TerminalWindow(const TerminalWindow&) = delete;
    TerminalWindow& operator=(const TerminalWindow&) = delete;

    std::string tmux(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"tmux", "-S", folder_.path() + "/socket"});
        Process process({.command = arguments, .environment = {"LC_ALL=C.UTF-8", "TERM=xterm"}});
        process.wait();
        process.output().join();
        return process.output().all();
    }
    void type(const std::string& text) const { tmux({"send-keys", "-l", text}); }
    void press(const std::string& key) const { tmux({"send-keys", key}); }
    void run(const std::string& command) const {
        type(command);
        press("Enter");
    }
    [[nodiscard]] std::string screen() const { return tmux({"capture-pane", "-p"}); }
    // Looks until the text is there, or a minute has passed: then what is there says what was wrong.
    std::string until(const std::string& text, bool there = true) const {
        for (int i = 0; i < 600; i++) {
            std::string now = screen();
            if ((now.find(text) != std::string::npos) == there) return now;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        ADD_FAILURE() << (there ? "never came: " : "never went: ") << text << "\n" << screen();
        return "";
    }
    // That the shell's terminal echoes, has its cursor and the first of its two screens.
    void expect_restored() const {
        until("at the prompt$");
        EXPECT_EQ(tmux({"display-message", "-p", "#{cursor_flag} #{alternate_on}"}), "1 0\n");
        run("stty -a | tr ' ' '\\n' | grep -xE -e '-?(icanon|echo|isig|ixon)' | tr '\\n' ' '; echo settings");
        until("ixon isig icanon echo settings");
    }

private:
    TemporaryFolder folder_;
};

class TopTest : public E2eTest {
protected:
    void SetUp() override {
        E2eTest::SetUp();
        if (find_program("tmux").empty()) GTEST_SKIP() << "tmux is not installed";
    }
    static std::string top_of(pid_t pid, const std::string& arguments = "0.5") {
        return whoholds_path() + std::string(" top -p ") + std::to_string(pid) + ' ' + arguments;
    }
};

TEST_F(TopTest, shows_what_is_held_and_obeys_keys) {
    Puppet puppet("growing");
    const TerminalWindow window;

    window.run(top_of(puppet.pid()));
    window.until("h help  Enter open");
    puppet.command("here 200003");
    puppet.command("there 100003");
    std::string screen = window.until("grow_there");
    EXPECT_THAT(screen, HasSubstr("growing (pid " + std::to_string(puppet.pid()) + ")"));
    EXPECT_THAT(screen, HasSubstr("195.3 KiB       1"));
    EXPECT_THAT(screen, HasSubstr("grow_here  growing.c:"));

    window.type("/there");
    window.until("filter: there_");
    window.until("195.3 KiB", false);
    window.press("Enter");
    window.press("Enter");
    screen = window.until("> grow_there");
    EXPECT_THAT(screen, HasSubstr("native heap held now: 97.7 KiB in 1"));
    window.press("Escape");
    window.until("filter: there");
    window.press("Escape");
    window.until("195.3 KiB");

    window.type("f");
    window.until("HELD NOW");
    window.type("x?");
    window.until("KEYS");
    window.type("x");
    window.press("Tab");
    window.until("(taken before attach)");

    window.tmux({"resize-window", "-x", "120", "-y", "30"});
    window.type("1");
    window.until("IN TOTAL");
    window.type("q");
    window.expect_restored();
}

TEST_F(TopTest, restores_the_terminal_however_it_ends) {
    Puppet puppet("growing");
    const TerminalWindow window;
    const TemporaryFolder folder;
    const std::string pid_file = folder.path() + "/pid";
    const std::string start = "sh -c 'echo $$ > " + pid_file + "; exec " + top_of(puppet.pid()) + "'";
    const auto started = [&] {
        window.run("clear");
        window.run(start);
        window.until("h help  Enter open");
        pid_t pid = 0;
        std::ifstream(pid_file) >> pid;
        return pid;
    };

    started();
    window.press("C-c");
    window.expect_restored();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGSEGV, SIGABRT}) {
        SCOPED_TRACE(strsignal(signal));
        const pid_t pid = started();
        ASSERT_GT(pid, 1);
        kill(pid, signal);
        window.expect_restored();
    }
}

TEST_F(TopTest, goes_to_the_background_and_comes_back) {
    Puppet puppet("growing");
    const TerminalWindow window;

    window.run("set -m");
    window.run(top_of(puppet.pid()));
    window.until("h help  Enter open");
    window.press("C-z");
    window.expect_restored();
    window.run("clear; fg");
    window.until("h help  Enter open");
    puppet.command("here 300007");
    window.until("grow_here");
    window.type("q");
    window.expect_restored();
}

TEST_F(TopTest, stays_when_the_process_ends_until_the_user_leaves) {
    const TerminalWindow window("LC_ALL=C NO_COLOR=1");
    {
        Puppet puppet("growing");
        window.run(top_of(puppet.pid()));
        window.until("h help  Enter open");
        puppet.command("here 200003");
        window.until("grow_here");
    }

    const std::string screen = window.until("ENDED");
    EXPECT_THAT(screen, HasSubstr("this is the last that was seen"));
    EXPECT_THAT(screen, HasSubstr("vHELD"));
    window.type("h");
    window.until("KEYS");
    window.type("xq");
    window.expect_restored();
}

TEST_F(E2eTest, top_without_a_terminal_says_so) {
    Process tool({.command = {whoholds_path(), "top", "-p", std::to_string(getpid())}});

    EXPECT_EQ(tool.wait(), 2);
    tool.errors().join();
    EXPECT_THAT(tool.errors().all(), HasSubstr("whoholds: top needs a terminal"));
}

}  // namespace
}  // namespace whoholds::e2e
