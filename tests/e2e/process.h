// Child processes of the end-to-end tests: started with pipes, read line by line, and gone with the test, by their own pid only.
// Used by Puppet and Whoholds and for real programs. Invariant: a child never outlives its Process.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace whoholds::e2e {

// Reads a pipe to its end on a thread of its own, so that the writer never waits for the test.
class LineReader {
public:
    explicit LineReader(UniqueFd fd);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    // The next line that was not taken yet; waits for it; nullopt at the end.
    std::optional<std::string> next();
    // Takes lines up to the first that contains text and returns it; nullopt at the end.
    std::optional<std::string> next_with(std::string_view text);
    // All that was read so far, taken or not.
    [[nodiscard]] std::string all() const;
    // Waits for the end of the pipe.
    void join();

private:
    void read_all();
    void keep_lines(std::string& partial, bool end);

    UniqueFd fd_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> lines_;
    std::string all_;
    bool ended_ = false;
    std::thread thread_;
};

struct Launch {
    std::vector<std::string> command;      // [0] is searched in PATH
    std::vector<std::string> environment;  // "NAME=value", added to ours
    std::function<void()> in_child;        // between fork and exec: async-signal-safe calls only
};

class Process {
public:
    // Ends the test program if the child cannot be forked; a failed exec shows as exit code 127.
    explicit Process(const Launch& launch);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    bool write_line(std::string_view line);
    void close_input() { input_.reset(); }
    void send_signal(int signal);
    // Waits for its end. Its exit code, or 128 + the signal that killed it.
    int wait();
    [[nodiscard]] bool is_running();
    LineReader& output() { return *output_; }
    LineReader& errors() { return *errors_; }

private:
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
    UniqueFd input_;
    std::unique_ptr<LineReader> output_;
    std::unique_ptr<LineReader> errors_;
};

// A folder under TMPDIR that goes with its object.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

// Full path of a program in PATH or the sbin folders; "" if there is none.
std::string find_program(const std::string& name);

}  // namespace whoholds::e2e
