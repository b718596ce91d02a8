// Podman: containers for tests, run by podman with runc out of a store of their own. Used by every test in tests/container.
// Invariant: no image comes from elsewhere, and nothing is left behind: images are made of programs that we built and the
// libraries they need; the store is a folder that goes with its object, and so are all containers in it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "e2e/process.h"

namespace whoholds::container {

using Arguments = std::vector<std::string>;

struct Ended {
    int exit_code = -1;
    std::string output;
    std::string errors;
};

// Runs a command to its end.
Ended run_command(const Arguments& command, const Arguments& environment = {});

// a followed by b.
Arguments joined(Arguments a, const Arguments& b);

class Podman {
public:
    Podman();
    ~Podman();
    Podman(const Podman&) = delete;
    Podman& operator=(const Podman&) = delete;

    // Why no container can be started here; "" if one can. Found out by starting one.
    std::string why_unusable();

    // An image from nothing: the programs at its top, and the libraries that they ask for.
    void make_image(const std::string& name, const Arguments& programs);

    [[nodiscard]] Ended run(const Arguments& arguments) const;
    [[nodiscard]] std::unique_ptr<e2e::Process> start(const Arguments& arguments) const;
    // The process that a container runs, as the host counts.
    [[nodiscard]] pid_t pid_of(const std::string& container) const;
    [[nodiscard]] std::string id_of(const std::string& container) const;
    // The command that precedes all arguments, and the environment that it needs.
    [[nodiscard]] Arguments command() const;
    [[nodiscard]] Arguments environment() const;
    [[nodiscard]] const std::string& folder() const { return folder_.path(); }

private:
    e2e::TemporaryFolder folder_;
};

// The whoholds that is put into images: the static one, or, where that was not built, the other one with its libraries.
std::string tool_program();
bool tool_is_static();

}  // namespace whoholds::container
