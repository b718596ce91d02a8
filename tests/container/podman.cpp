#include "container/podman.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace whoholds::container {

namespace {

using e2e::find_program;
using e2e::Process;

// runc asks for the largest limits there are unless told; that needs CAP_SYS_RESOURCE.
constexpr const char* kConfiguration = R"([containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
)";

// Programs, then what ldd says that they load, at the same places.
constexpr const char* kMakeRoot = R"(set -e
root=$1; shift
mkdir -p "$root"
for program in "$@"; do
    cp "$program" "$root/"
    ldd "$program" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do cp -n -L --parents "$library" "$root"; done
done)";

std::string last_line(const std::string& text) {
    const size_t end = text.find_last_not_of('\n');
    if (end == std::string::npos) return "";
    const size_t start = text.find_last_of('\n', end);
    return text.substr(start == std::string::npos ? 0 : start + 1,
                       end - (start == std::string::npos ? 0 : start + 1) + 1);
}

}  // namespace

Ended run_command(const Arguments& command, const Arguments& environment) {
    Process process({.command = command, .environment = environment, .in_child = {}});
    process.close_input();
    Ended ended;
    ended.exit_code = process.wait();
    process.output().join();
    process.errors().join();
    ended.output = process.output().all();
    ended.errors = process.errors().all();
    return ended;
}

Arguments joined(Arguments a, const Arguments& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Podman::Podman() { std::ofstream(folder() + "/containers.conf") << kConfiguration; }

Podman::~Podman() {
    if (find_program("podman").empty()) return;
    (void)run({"rm", "--all", "--force", "--time=0"});
    (void)run({"rmi", "--all", "--force"});
    // podman mounts its store over itself and leaves that.
    (void)run_command({"umount", "--lazy", "--quiet", folder() + "/store/overlay"});
}

Arguments Podman::command() const {
    return {"podman", "--root=" + folder() + "/store", "--runroot=" + folder() + "/run"};
}

Arguments Podman::environment() const { return {"CONTAINERS_CONF=" + folder() + "/containers.conf"}; }

Ended Podman::run(const Arguments& arguments) const { return run_command(joined(command(), arguments), environment()); }

std::unique_ptr<Process> Podman::start(const Arguments& arguments) const {
    return std::make_unique<Process>(
        e2e::Launch{.command = joined(command(), arguments), .environment = environment(), .in_child = {}});
}

std::string Podman::why_unusable() {
    if (geteuid() != 0) return "needs root";
    for (const char* program : {"podman", "runc"})
        if (find_program(program).empty()) return std::string(program) + " is not installed";
    make_image("whoholds", {tool_program()});
    const Ended trial = run({"run", "--rm", "--pull=never", "--network=none", "whoholds", "--version"});
    if (trial.exit_code == 0) return "";
    return "podman and runc start no container here: " + last_line(trial.errors);
}

void Podman::make_image(const std::string& name, const Arguments& programs) {
    const std::string root = folder() + "/" + name;
    Arguments make = {"sh", "-c", kMakeRoot, "make_root", root};
    const Ended made = run_command(joined(std::move(make), programs));
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    const std::string entry = "/" + std::filesystem::path(programs.at(0)).filename().string();
    std::ofstream(root + ".containerfile") << "FROM scratch\nCOPY . /\nENTRYPOINT [\"" << entry << "\"]\n";
    const Ended built = run({"build", "--quiet", "--file=" + root + ".containerfile", "--tag=" + name, root});
    EXPECT_EQ(built.exit_code, 0) << built.errors;
}

pid_t Podman::pid_of(const std::string& container) const {
    const Ended inspected = run({"inspect", "--format={{.State.Pid}}", container});
    EXPECT_EQ(inspected.exit_code, 0) << inspected.errors;
    return static_cast<pid_t>(std::atoi(inspected.output.c_str()));
}

std::string Podman::id_of(const std::string& container) const {
    return last_line(run({"inspect", "--format={{.Id}}", container}).output);
}

bool tool_is_static() { return access(WH_STATIC_WHOHOLDS, X_OK) == 0; }

std::string tool_program() { return tool_is_static() ? WH_STATIC_WHOHOLDS : WH_WHOHOLDS; }

}  // namespace whoholds::container
