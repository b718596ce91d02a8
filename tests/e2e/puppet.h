// Puppet: a program of tests/targets that obeys commands. Used by every end-to-end test.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/process.h"

namespace whoholds::e2e {

struct PuppetOptions {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  // "LD_PRELOAD=…"
    std::vector<std::string> launcher;     // a command that runs the puppet as its only child (unshare)
};

class Puppet {
public:
    // By name of its target in tests/targets. It has answered that it is ready when the constructor returns.
    explicit Puppet(const std::string& name, const PuppetOptions& options = {});

    // Sends a command and returns what follows DONE; a failed command fails the test and returns "".
    std::string command(const std::string& text);
    // The same without a failure of the test: the whole answer, "" if the puppet is gone.
    std::string ask(const std::string& text);
    nlohmann::json command_json(const std::string& text);

    [[nodiscard]] pid_t pid() const { return pid_; }
    Process& process() { return process_; }

private:
    Process process_;
    pid_t pid_ = -1;
};

// Path of a puppet or of a library for puppets; "" if it was not built (no musl-gcc, no go).
std::string target_path(const std::string& name);

// Path of a shared library of the system, such as "libjemalloc.so.2"; "" if it is not installed.
std::string system_library(const std::string& name);

}  // namespace whoholds::e2e
