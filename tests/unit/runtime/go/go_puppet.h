// A Go puppet (tests/targets/go_runtime_puppet.go) that a test commands, in each form that it is built in. Used by the tests of
// the readers of Go's runtime, which compare with what the puppet's own runtime/pprof says.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "proc/process.h"
#include "runtime/go/go_process.h"
#include "unit/places.h"

namespace whoholds {

inline std::string target_path(const std::string& name) {
    std::string path = targets_dir() + "/" + name;
    return ::access(path.c_str(), R_OK) == 0 ? path : "";
}

class GoPuppet {
public:
    explicit GoPuppet(const std::string& path, const std::vector<std::string>& environment = {}) {
        int input[2];
        int output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) ADD_FAILURE() << "pipe";
        std::vector<std::string> variables = environment;
        std::vector<char*> envp;
        for (std::string& variable : variables) envp.push_back(variable.data());
        envp.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(input[0], STDIN_FILENO);
            ::dup2(output[1], STDOUT_FILENO);
            ::execle(path.c_str(), path.c_str(), nullptr, envp.data());
            ::_exit(127);
        }
        ::close(input[0]);
        ::close(output[1]);
        commands_.reset(input[1]);
        answers_.reset(output[0]);
        EXPECT_EQ(read_line(), "DONE ready");
    }
    GoPuppet(const GoPuppet&) = delete;
    GoPuppet& operator=(const GoPuppet&) = delete;
    ~GoPuppet() {
        commands_.reset();  // the end of its input ends it
        answers_.reset();
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    // What follows DONE; a failed command fails the test.
    std::string command(const std::string& text) {
        const std::string line = text + "\n";
        EXPECT_EQ(::write(commands_.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
        const std::string answer = read_line();
        EXPECT_TRUE(answer.starts_with("DONE")) << text << ": " << answer;
        return answer.size() > 5 ? answer.substr(5) : "";
    }
    // The text of `profile heap` or `profile goroutine`.
    std::string profile(const std::string& name) {
        return nlohmann::json::parse(command("profile " + name)).get<std::string>();
    }

private:
    std::string read_line() {
        std::string line;
        char byte = 0;
        while (::read(answers_.get(), &byte, 1) == 1 && byte != '\n') line += byte;
        return line;
    }

    pid_t pid_ = -1;
    UniqueFd commands_;
    UniqueFd answers_;
};

// Each form of the puppet, by name of its target.
class GoForms : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        path_ = target_path(GetParam());
        if (path_.empty()) GTEST_SKIP() << GetParam() << " was not built: its version of Go is not installed";
    }
    [[nodiscard]] const std::string& path() const { return path_; }

    static std::optional<GoProcess> open(pid_t pid) {
        const auto mappings = read_maps({}, pid);
        auto process = GoProcess::open({}, pid, mappings ? *mappings : std::vector<Mapping>());
        if (process) return *std::move(process);
        ADD_FAILURE() << process.error().message;
        return std::nullopt;
    }

private:
    std::string path_;
};

inline auto all_go_forms() {
    return ::testing::Values("go_runtime", "go_runtime_stripped", "go_runtime_pie", "go_runtime_cgo", "go_1_19_runtime",
                             "go_1_19_runtime_stripped", "go_1_19_runtime_pie", "go_1_19_runtime_cgo");
}
inline std::string go_form_name(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

}  // namespace whoholds
